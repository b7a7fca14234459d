# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 - the imports must follow importorskip
import copy

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from torch import nn

from percast.engines.training import muon, schedule
from percast.engines.training.config import Config
from percast.engines.training.link import Link

CONFIG = Config(steps=100, warmup=10)


@pytest.fixture
def link():
    torch.manual_seed(0)
    return Link(CONFIG).to(memory_format=torch.channels_last)


def test_kernels_move_in_all_directions_alike():
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.randn(16, 8, 3, 3).contiguous(memory_format=torch.channels_last))
    before = kernel.detach().clone()
    optimiser = muon.KernelMuon([kernel], lr=0.5)
    kernel.grad = torch.randn_like(kernel)
    gradient = kernel.grad.clone()
    optimiser.step()
    moved = (kernel.detach() - before).flatten(1)
    singular = torch.linalg.svdvals(moved)
    # Five Newton-Schulz steps leave singular values of about 0.7 to 1.2, times the learning rate.
    assert 0.25 < singular.min() and singular.max() < 0.65
    assert (moved * gradient.flatten(1)).sum() < 0  # downhill


@pytest.mark.parametrize("shape", [(16, 8, 3, 3), (64, 4, 1, 1), (8, 8, 1, 1)])
def test_all_kernels_of_a_shape_at_once_move_as_torchs_own_muon_moves_each(shape):
    """Within the rounding of bfloat16, which on a CPU is torch's alone, over several steps."""
    random = torch.Generator().manual_seed(1)
    kernels = [nn.Parameter(torch.randn(shape, generator=random)) for _ in range(3)]
    matrices = [nn.Parameter(muon._matrix(kernel.detach()).clone()) for kernel in kernels]
    ours = muon.KernelMuon(kernels, lr=0.1)
    theirs = torch.optim.Muon(matrices, lr=0.1, weight_decay=0.0, momentum=muon.MOMENTUM)
    for _ in range(4):
        for kernel, matrix in zip(kernels, matrices, strict=True):
            kernel.grad = torch.randn(shape, generator=random)
            matrix.grad = muon._matrix(kernel.grad).clone()
        before = [kernel.detach().clone() for kernel in kernels]
        wanted = [matrix.detach().clone() for matrix in matrices]
        ours.step()
        theirs.step()
        for kernel, matrix, old, start in zip(kernels, matrices, before, wanted, strict=True):
            moved, theirs_moved = muon._matrix(kernel.detach() - old), matrix.detach() - start
            assert (moved - theirs_moved).norm() < 0.04 * theirs_moved.norm()


def test_every_weight_has_one_optimiser(link):
    kernels, rest = muon.optimisers(link, CONFIG)
    inner = {id(kernel) for kernel in kernels.kernels}
    outer = {id(p) for group in rest.param_groups for p in group["params"]}
    assert not inner & outer
    assert inner | outer == {id(parameter) for parameter in link.parameters()}
    named = {name for name, parameter in link.named_parameters() if id(parameter) in inner}
    assert {
        "encoder.stages.0.0.conv1.weight", "encoder.downs.1.weight", "encoder.head.weight",
        "generator.stages.2.1.conv2.weight", "generator.ups.0.weight", "generator.head.weight",
    } <= named  # fmt: skip
    assert not {name for name in named if "linear" in name or "film" in name or "stem" in name}
    assert len(named) == 7 * 2 + 2 + 1 + 10 * 2 + 2 + 1


def test_all_of_them_learn(link):
    optimisers = muon.optimisers(link, CONFIG)
    before = {name: p.detach().clone() for name, p in link.named_parameters()}
    for parameter in link.parameters():
        parameter.grad = torch.ones_like(parameter) + torch.rand_like(parameter)
    for optimiser in optimisers:
        optimiser.step()
    for name, parameter in link.named_parameters():
        assert not torch.equal(parameter, before[name]), name


def test_the_momentum_survives_saving(link):
    def steps(link, optimisers, count, seed):
        random = torch.Generator().manual_seed(seed)
        for _ in range(count):
            for parameter in link.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=random)
            for optimiser in optimisers:
                optimiser.step()

    optimisers = muon.optimisers(link, CONFIG)
    steps(link, optimisers, 2, seed=1)
    saved = copy.deepcopy([optimiser.state_dict() for optimiser in optimisers])
    other = Link(CONFIG).to(memory_format=torch.channels_last)
    other.load_state_dict(link.state_dict())
    loaded = muon.optimisers(other, CONFIG)
    for optimiser, state in zip(loaded, saved, strict=True):
        optimiser.load_state_dict(state)
    steps(link, optimisers, 1, seed=2)
    steps(other, loaded, 1, seed=2)
    for ours, theirs in zip(link.parameters(), other.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_learning_rates_rise_and_fall_together(link):
    optimisers = muon.optimisers(link, CONFIG)

    def rates(share, age):
        schedule.set_lr(optimisers, schedule.lr_factor(CONFIG, share, age))
        return [optimiser.param_groups[0]["lr"] for optimiser in optimisers]

    assert rates(0, 0) == pytest.approx([0.001, 4e-5])
    assert rates(0, 9) == pytest.approx([0.01, 4e-4])
    assert rates(0.5, 50) == pytest.approx([0.00515, 2.06e-4])
    assert rates(1, 100) == pytest.approx([0.0003, 1.2e-5])


def test_a_learning_rate_that_a_captured_step_reads_changes_where_it_lies(link):
    """As they are kept on a GPU."""
    optimisers = muon.optimisers(link, CONFIG)
    group = optimisers[0].param_groups[0]
    group["lr"] = rate = torch.tensor(group["lr"])
    schedule.set_lr(optimisers, 0.5)
    assert group["lr"] is rate and rate.item() == pytest.approx(0.005)
    state = copy.deepcopy(optimisers[0].state_dict())
    state["param_groups"][0]["lr"] = 7.0  # of a run on a CPU
    muon.load_state(optimisers[0], state)
    assert isinstance(optimisers[0].param_groups[0]["lr"], torch.Tensor)
    schedule.set_lr(optimisers, 1)
    assert optimisers[0].param_groups[0]["lr"].item() == pytest.approx(0.01)


def test_a_budget_is_steps_or_minutes():
    assert schedule.share_done(Config(steps=200), 50, 1e9) == 0.25
    assert schedule.share_done(Config(minutes=10), 10**9, 4) == 0.4
    assert schedule.share_done(Config(steps=200), 300, 0) == 1


def test_the_average_forgets_the_start():
    assert schedule.ema_decay(CONFIG, 0) == 0.1
    assert schedule.ema_decay(CONFIG, 10**6) == CONFIG.ema
