# SPDX-License-Identifier: GPL-3.0-or-later
"""CUDA graphs of torch, on a stand-in for what they do to it (tests/standins/torch_cuda.py)."""

# ruff: noqa: E402 - the imports must follow importorskip
import gc
import logging
import threading
import time
import weakref

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="no torch")

from percast.engines.runtimes import torch_graph
from percast.engines.runtimes.torch_plan import WARM_UP, SizePlan
from tests.standins.torch_cuda import TorchCuda


@pytest.fixture
def gpu(monkeypatch) -> TorchCuda:
    monkeypatch.setattr(torch_graph, "_failure", "")
    return TorchCuda(monkeypatch)


def test_work_is_captured_once_and_its_memory_given_back_with_it(gpu):
    done = []
    replay = torch_graph.capture(lambda: done.append(1), torch.Generator())
    replay()
    replay()
    assert (len(done), gpu.replays) == (1, 2) and torch_graph.works()
    assert not gpu.underway and not gpu.given_back
    del replay
    gc.collect()
    assert gpu.given_back == [(0, 1)]


def fails() -> None:
    torch.cuda.synchronize()


class Unusual(Exception):
    pass


def fails_otherwise() -> None:
    raise Unusual("no kernel for this")


@pytest.mark.parametrize(
    ("work", "why"), [(fails, "not permitted when stream"), (fails_otherwise, "no kernel")]
)
def test_a_capture_that_fails_says_why_and_leaves_torch_as_it_was(gpu, work, why):
    """And not that it could not be ended. Nothing is captured afterwards."""
    with pytest.raises(Exception, match=why):
        torch_graph.capture(work)
    gc.collect()
    torch.cuda.empty_cache()
    assert len(gpu.given_back) == 1
    assert not torch_graph.works()
    with pytest.raises(RuntimeError, match=why):
        torch_graph.capture(lambda: None)
    assert gpu.captures == 1


def test_a_failed_capture_keeps_no_memory(gpu):
    held = []

    def work():
        tensor = torch.zeros(3)
        held.append(weakref.ref(tensor))
        fails()

    gc.disable()
    try:
        with pytest.raises(RuntimeError) as caught:
            torch_graph.capture(work)
        del caught
        assert held[0]() is None
    finally:
        gc.enable()


class Network(torch.nn.Module):
    """Searches for algorithms in each thread's first run, waiting for the GPU, as cuDNN does."""

    def __init__(self, gpu: TorchCuda):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1), requires_grad=False)
        self._gpu, self._found = gpu, threading.local()
        self.captured = threading.Event()

    def forward(self, given):
        if not hasattr(self._found, "algorithm"):
            self._gpu.wait_for_all()
            self._found.algorithm = "fastest"
        if self._gpu.captured_here():
            self.captured.set()
            time.sleep(0.1)  # for others to come in between
        return given * self.weight


def plan_of(network: Network, gpu: TorchCuda) -> SizePlan:
    return SizePlan(network, [(2,)], gpu.stream)


def run(plan: SizePlan, times: int) -> None:
    for _ in range(times):
        plan.run([np.ones(2, np.float32)])


def together(*works) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_an_engine_that_searches_waits_for_the_capture_of_another(gpu, caplog):
    first, second = Network(gpu), Network(gpu)
    plans = plan_of(first, gpu), plan_of(second, gpu)

    def come_in_between():
        assert first.captured.wait(10)
        run(plans[1], WARM_UP + 1)

    with caplog.at_level(logging.WARNING, "percast"):
        together(lambda: run(plans[0], WARM_UP + 1), come_in_between)
    assert not caplog.messages
    assert (gpu.captures, gpu.replays) == (2, 2)


def test_a_plan_is_captured_in_a_thread_that_has_warmed_up_itself(gpu, caplog):
    plan = plan_of(Network(gpu), gpu)
    for times, replays in ((WARM_UP, 0), (WARM_UP, 0), (WARM_UP + 1, 1), (1, 2)):
        together(lambda times=times: run(plan, times))
        assert gpu.replays == replays and not caplog.messages


def test_after_one_capture_has_failed_no_size_is_captured_and_one_line_says_so(gpu, caplog):
    network = Network(gpu)
    network.register_forward_hook(lambda *_: gpu.wait_for_all())
    for _ in range(3):
        run(plan_of(network, gpu), WARM_UP + 2)
    assert gpu.captures == 1 and not gpu.underway
    (line,) = caplog.messages
    assert "kernel by kernel" in line and "not permitted when stream" in line
