# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast train --init base --set generator_blocks=...`: larger networks begin as the smaller."""

# ruff: noqa: E402 - the imports must follow importorskip
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.networks import shape_of
from percast.engines.training import channel
from percast.engines.training.config import Config
from percast.engines.training.link import Link
from percast.engines.training.losses import terms as losses
from percast.engines.training.muon import optimisers
from percast.engines.training.records import weights
from percast.errors import ModelError

BASE = Config(steps=1)
DEEPER = replace(BASE, encoder_blocks=(2, 3, 4), generator_blocks=(5, 3, 4))
WIDER = replace(BASE, encoder_channels=(80, 128, 200), generator_channels=(200, 160, 64))
LARGE = replace(
    BASE, encoder_channels=(96, 144, 192), encoder_blocks=(3, 2, 4),
    generator_channels=(208, 128, 80), generator_blocks=(5, 3, 3),
)  # fmt: skip


@pytest.fixture(scope="module")
def base(model):
    pytest.importorskip("onnx", reason="weights in ONNX files need onnx")
    link = Link(BASE)
    weights.initial(link, model.name)
    return link


@pytest.fixture(scope="module")
def batch():
    random = torch.Generator().manual_seed(0)
    rates = channel.Rates.on(torch.device("cpu"), BASE)
    conditions = channel.draw_conditions(2, BASE, rates, random)
    air = channel.draw_air(conditions, 4, 6, random)
    return torch.rand((2, 3, 64, 96), generator=random), conditions, air


def grown(model, config) -> Link:
    torch.manual_seed(1)
    link = Link(config)
    weights.initial(link, model.name)
    return link


@pytest.mark.parametrize("config", [DEEPER, WIDER, LARGE], ids=["deeper", "wider", "both"])
def test_what_has_grown_computes_what_the_model_did(model, base, batch, config):
    link = grown(model, config)
    assert shape_of(link.generator.state_dict()) == (
        config.generator_channels, config.generator_blocks,
    )  # fmt: skip
    with torch.inference_mode():
        for found, expected in zip(link(*batch), base(*batch), strict=True):
            assert (found - expected).abs().max() < 1e-5


def test_every_new_weight_that_matters_moves_in_the_first_steps(model, base, batch):
    """New channels are read, and new blocks add something: neither stays where it began."""
    link = grown(model, LARGE)
    before = {name: value.detach().clone() for name, value in link.named_parameters()}
    image, conditions, _ = batch
    chosen = optimisers(link, LARGE)
    for _ in range(2):
        picture, _ = link(*batch)
        mse = (picture - image).square().mean((1, 2, 3))
        terms = losses.Terms(mse, torch.zeros_like(mse), torch.zeros_like(mse))
        link.zero_grad()
        losses.distortion_loss(terms, conditions.realism, LARGE).backward()
        for optimiser in chosen:
            optimiser.step()
    after = dict(link.named_parameters())
    unread = "generator.stages.0.0.conv1.weight"  # old outputs, from new inputs
    added = "generator.stages.0.4.conv2.weight"
    inside = "generator.stages.0.4.conv1.weight"
    assert not before[unread][:192, 192:].any() and after[unread][:192, 192:].abs().min() > 0
    assert not before[added].any() and after[added].abs().min() > 0
    assert (after[inside] != before[inside]).float().mean() > 0.9
    with torch.inference_mode():
        assert (link(*batch)[0] - base(*batch)[0]).abs().max() > 1e-3


def test_networks_do_not_shrink(model):
    pytest.importorskip("onnx", reason="weights in ONNX files need onnx")
    for change in ({"generator_blocks": (4, 3, 2)}, {"encoder_channels": (64, 128, 176)}):
        with pytest.raises(ModelError, match="can grow, not shrink"):
            weights.initial(Link(replace(BASE, **change)), model.name)


def test_what_has_grown_is_saved_and_started_from(model, tmp_path, batch):
    link = grown(model, DEEPER)
    weights.save(tmp_path / "weights.pt", link, DEEPER, 1, 1, adversarial=False)
    again = Link(DEEPER)
    weights.initial(again, str(tmp_path / "weights.pt"))
    with torch.inference_mode():
        assert (link(*batch)[0] - again(*batch)[0]).abs().max() < 0.02  # fp16
