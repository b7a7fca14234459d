# SPDX-License-Identifier: GPL-3.0-or-later
"""A step's work can be captured once and replayed: on the CPU, by a stand-in for CUDA's graphs."""

# ruff: noqa: E402 - the imports must follow importorskip
import logging
import weakref
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from torch.utils._python_dispatch import TorchDispatchMode

from percast.engines.training.records import checkpoint
from percast.engines.training.records.waiting import Waiting
from percast.engines.training.replay import WARM_UP, Replays
from percast.engines.training.step import Step
from percast.engines.training.trainer import Trainer
from tests.engines.training.runs import ALONE, rows, states_equal, train

BOTH_STAGES = {"steps": 12, "lpips_weight": 1, "texture_weight": 0.5, "validation_pictures": 0}
_READ_BACK = ("_local_scalar_dense", "nonzero", "equal", "unique", "masked_select")
_WAITS = (*_READ_BACK, "lift_fresh")  # the last is of `torch.tensor` and its like


class NothingWaits(TorchDispatchMode):
    """Fails where a value, or a size that depends on values, is asked for, or numbers of Python's
    become a tensor: a GPU would be waited for, and no graph can hold it."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = operation.__name__.split(".")[0].lstrip("_")
        assert name not in {each.lstrip("_") for each in _WAITS}, f"the step asks for {name}"
        return operation(*args, **(kwargs or {}))


class Graphs:
    """In place of `torch_graph.capture`: what is captured is done when replayed, and must find all
    that it works on where it was."""

    def __init__(self, trainer):
        self.trainer, self.captures, self.replays = trainer, 0, 0

    def places(self) -> list[tuple]:
        work, link, adversary = (
            self.trainer._work, self.trainer._link, self.trainer._adversary,
        )  # fmt: skip
        kept = [
            work.original, *work.conditions, work.phase, work.averaging, work.totals,
            *link.parameters(), *self.trainer._ema.parameters(),
            *adversary._discriminator.parameters(), *adversary._discriminator.buffers(),
        ]  # fmt: skip
        for optimiser in (*self.trainer._optimisers, adversary.optimiser):
            for state in optimiser.state.values():
                kept += [value for value in state.values() if value.dim()]
        return [(tensor.data_ptr(), tensor.shape, tensor.stride()) for tensor in kept]

    def __call__(self, work, generator):
        self.captures += 1
        places = self.places()

        def replay():
            self.replays += 1
            assert generator is self.trainer._work.generator
            with NothingWaits():
                work()
            assert self.places() == places

        return replay


@pytest.mark.parametrize(
    "wait",
    [torch.Tensor.item, float, torch.Tensor.nonzero, bool, lambda one: torch.tensor([1.0])],
)
def test_what_would_wait_is_noticed(wait):
    with pytest.raises(AssertionError, match="asks for"), NothingWaits():
        wait(torch.ones(1))


@pytest.fixture
def whole(tiny, tmp_path, with_features):
    """What a run leaves that is launched as it is."""
    train(tiny(**BOTH_STAGES), tmp_path / "whole")
    return checkpoint.load_newest(tmp_path / "whole")


@pytest.fixture
def optimisers_may_count(monkeypatch):
    """AdamW's own count of steps lies on the host on a CPU, and on the device on a GPU."""
    step = torch.optim.AdamW.step

    def counting(self, *arguments):
        with torch._C._DisableTorchDispatch():
            return step(self, *arguments)

    monkeypatch.setattr(torch.optim.AdamW, "step", counting)


@pytest.fixture
def filled_without_waiting(monkeypatch):
    """What a step works on is put in place while the GPU computes the one before."""
    fill = Step.fill

    def watched(self, *arguments):
        with NothingWaits():
            fill(self, *arguments)

    monkeypatch.setattr(Step, "fill", watched)


def test_a_replayed_run_is_to_the_bit_what_a_launched_one_is(
    tiny, tmp_path, whole, optimisers_may_count, filled_without_waiting
):
    """And its steps wait for nothing, and find every tensor where it was."""
    trainer = Trainer(tiny(**BOTH_STAGES), tmp_path / "replayed", ALONE)
    graphs = Graphs(trainer)
    trainer._replays = Replays(graphs, trainer._work)
    trainer.run()
    assert (graphs.captures, graphs.replays) == (2, 12 - 2 * WARM_UP)  # one for each stage
    assert states_equal(checkpoint.load_newest(tmp_path / "replayed"), whole)


def test_where_a_capture_fails_the_run_goes_on_without_one_and_says_so_once(
    tiny, tmp_path, whole, caplog
):
    trainer = Trainer(tiny(**BOTH_STAGES), tmp_path / "failed", ALONE)
    lost = []

    def fail(work, generator):
        torch.rand(7, generator=generator)  # whatever state it is left in
        lost.append(generator)
        raise RuntimeError("operation not permitted\nwhen stream is capturing")

    trainer._replays = Replays(fail, trainer._work)
    with caplog.at_level(logging.WARNING, "percast"):
        trainer.run()
    told = [message for message in caplog.messages if "kernel by kernel" in message]
    assert len(told) == len(lost) == 1 and "not permitted when stream" in told[0]
    assert trainer._work.generator is not lost[0]
    assert states_equal(checkpoint.load_newest(tmp_path / "failed"), whole)


def test_a_cpu_captures_nothing_and_never_waits_for_launches(tiny, tmp_path):
    trainer = Trainer(tiny(steps=5, log_every=1), tmp_path, ALONE)
    trainer.run()
    assert not trainer._replays._captured
    assert {row["waiting_share"] for row in rows(tmp_path / "train.csv")} == {"0"}


def test_a_stages_graph_is_gone_with_its_memory_before_the_next_stages_first_step():
    alive = weakref.WeakSet()
    most = []

    def capture(work, generator):
        def replay():
            work()

        alive.add(replay)
        return replay

    replays = Replays(capture, SimpleNamespace(generator=None))
    for step in range(4 * WARM_UP):
        replays.run(1 + step // (2 * WARM_UP), lambda: most.append(len(alive)))
    assert most == ([0] * WARM_UP + [1] * WARM_UP) * 2


def test_several_processes_exchange_gradients_and_capture_nothing(caplog):
    with caplog.at_level(logging.INFO, "percast"):
        replays = Replays.on(torch.device("cuda"), None, alone=False)
    assert replays._capture is None and "several processes" in caplog.text


class Event:
    """Of a GPU that computes a step in 20 ms, and that sleeps until all is launched, or not."""

    slept = True

    def __init__(self, enable_timing):
        assert enable_timing

    def record(self):
        pass

    def query(self):
        return not self.slept

    def synchronize(self):
        pass

    def elapsed_time(self, other):
        return 20.0


def test_the_share_that_a_gpu_waits_is_what_its_steps_do_not_take(monkeypatch):
    naps = []
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "_sleep", naps.append)
    waiting = Waiting(torch.device("cuda"))
    for number in range(3):
        with waiting.step(probe=number == 0):
            pass
    assert not naps and waiting.read(3, 0.3) is None  # it must know how long launches take
    with waiting.step(probe=True):
        pass
    assert len(naps) == 2  # once to learn the clock
    assert waiting.read(10, 1.0) == pytest.approx(0.8)
    assert waiting.read(10, 0.1) == 0
    monkeypatch.setattr(Event, "slept", False)
    with waiting.step(probe=True):
        pass
    assert waiting.read(10, 1.0) is None
