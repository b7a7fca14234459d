# SPDX-License-Identifier: GPL-3.0-or-later
"""torch as a live engine: what a CPU can tell of it."""

# ruff: noqa: E402 - the imports must follow importorskip
import json
import threading

import numpy as np
import pytest

from percast.engines.runtimes import choose, torch_verified
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.plan_cache import default_folder
from percast.errors import ModelError

GPU, VERSION = "A GPU", "9.9"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return default_folder() / torch_verified.FILE_NAME


def inputs(seed=0, height=4, width=5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "image": rng.random((1, 3, 16 * height, 16 * width), np.float32),
        "condition": rng.random((1, 2), np.float32),
    }


@pytest.fixture
def engine(model):
    pytest.importorskip("torch", reason="no torch")
    with open_engine(model.encoder.path, "torch", "fp32") as engine:
        yield engine


def test_each_size_has_buffers_that_stay(engine):
    """Which is what lets a CUDA graph be replayed on them."""
    first = engine.run(inputs(0))["latent"]
    (plan,) = engine._plans.values()
    places = [tensor.data_ptr() for tensor in (*plan._inputs, plan._output)]
    second = engine.run(inputs(1))["latent"]
    assert [plan] == list(engine._plans.values())
    assert [tensor.data_ptr() for tensor in (*plan._inputs, plan._output)] == places
    assert not np.array_equal(first, second)
    engine.run(inputs(2, 6, 4))
    np.testing.assert_array_equal(engine.run(inputs(0))["latent"], first)
    assert len(engine._plans) == 2 and list(engine._plans.values())[-1] is plan


def test_sizes_without_end_take_memory_for_a_few(engine):
    for width in range(4, 14):
        engine.run(inputs(0, 4, width))
    kept = [shapes[0][3] // 16 for shapes in engine._plans]
    assert kept == list(range(6, 14))


def test_half_the_precision_is_the_same_but_for_rounding(model, engine):
    exact = engine.run(inputs())["latent"]
    with open_engine(model.encoder.path, "torch", "bf16") as rough:
        found = rough.run(inputs())["latent"]
    assert found.dtype == np.float32
    assert 0 < np.abs(found - exact).max() < 0.5


class Stream:
    """In place of a GPU's stream."""

    device = "cpu"

    def synchronize(self):
        pass


@pytest.fixture
def plan(model, monkeypatch):
    """A plan as on a GPU, with the CPU in its place; gives it and what is captured."""
    torch = pytest.importorskip("torch", reason="no torch")
    import contextlib

    from percast.engines.runtimes import torch as runtime
    from percast.engines.runtimes import torch_graph, torch_plan

    captured, empty = [], torch.empty
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch, "empty", lambda *a, pin_memory=False, **k: empty(*a, **k))
    monkeypatch.setattr(torch_graph, "capture", lambda work: captured.append(work) or work)
    network = runtime._load(model.encoder.path)
    shapes = [array.shape for array in inputs().values()]
    return torch_plan.SizePlan(network, shapes, Stream()), captured


def test_a_plan_is_captured_once_when_it_is_warm(plan, engine):
    plan, captured = plan
    for seed in range(6):
        expected = engine.run(inputs(seed))["latent"]
        np.testing.assert_allclose(plan.run(list(inputs(seed).values())), expected, atol=1e-4)
        assert len(captured) == (seed >= 3)


def test_where_a_capture_fails_kernels_are_launched_and_it_says_so_once(
    plan, engine, monkeypatch, caplog
):
    from percast.engines.runtimes import torch_graph

    def fail(work):
        monkeypatch.setattr(torch_graph, "_failure", "not permitted")
        raise RuntimeError("not permitted\nwhile capturing")

    monkeypatch.setattr(torch_graph, "capture", fail)
    for seed in range(6):
        found = plan[0].run(list(inputs(seed).values()))
    np.testing.assert_allclose(found, engine.run(inputs(5))["latent"], atol=1e-4)
    assert [m for m in caplog.messages if "not permitted while capturing" in m] == caplog.messages
    assert len(caplog.messages) == 1


class OnGpu(choose.Engine):
    """In place of torch on a GPU."""

    name, device, threads = "torch", GPU, 1

    def __init__(self, path, precision, threads):
        super().__init__()
        self.precision = "fp16" if precision == "auto" else precision

    def _run(self, inputs):
        raise NotImplementedError

    def _close(self):
        pass


@pytest.fixture
def gpu(monkeypatch, cache):
    """torch finds a GPU, and its engine opens on it."""
    import sys
    from types import SimpleNamespace

    here = SimpleNamespace(is_available=lambda: True, get_device_name=lambda: GPU)
    fake = SimpleNamespace(cuda=here, __version__=VERSION)
    monkeypatch.setitem(sys.modules, "torch", fake)
    load = choose._load
    monkeypatch.setattr(choose, "_load", lambda name: OnGpu if name == "torch" else load(name))
    return here


def test_auto_takes_torch_on_the_gpu_where_it_was_verified(model, gpu):
    path = model.encoder.path
    torch_verified.remember(path, "fp16", GPU, VERSION, {"latent_max_abs": 0.01})
    with open_engine(path) as engine:
        assert (engine.name, engine.precision) == ("torch", "fp16")
        assert "verified" in engine.reason and "no tensorrt, as" in engine.reason
        assert "GPUs are fastest in it" in engine.reason
    with open_engine(path, precision="fp32") as engine:
        assert engine.name == "openvino"
        assert "no torch on a GPU, as its results are not verified" in engine.reason
    with open_engine(model.generator.path) as engine:
        assert engine.name == "openvino" and "not verified for this model" in engine.reason


@pytest.mark.parametrize("change", ["another GPU", "another version", "no GPU"])
def test_auto_takes_it_nowhere_else(model, gpu, change, monkeypatch):
    path = model.encoder.path
    found = ("Old GPU" if change == "another GPU" else GPU,
             "1.0" if change == "another version" else VERSION)  # fmt: skip
    torch_verified.remember(path, "fp16", *found, {})
    if change == "no GPU":
        gpu.is_available = lambda: False
    with open_engine(path) as engine:
        assert engine.name == "openvino" and "no torch on a GPU, as" in engine.reason


def test_where_it_was_never_verified_torch_is_neither_loaded_nor_spoken_of(
    model, cache, monkeypatch
):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with open_engine(model.encoder.path) as engine:
        assert engine.name == "openvino" and "torch" not in engine.reason


def test_what_was_verified_is_kept_beside_the_rest_and_may_be_damaged(model, cache):
    for precision in ("fp16", "fp32"):
        torch_verified.remember(model.encoder.path, precision, GPU, VERSION, {"lpips_change": 0.0})
    assert len(json.loads(cache.read_text())) == 2
    cache.write_text("[damaged")
    with pytest.raises(ModelError, match="^$"):
        torch_verified.check(model.encoder.path, "auto")


def test_on_a_cpu_nothing_is_remembered(engine, cache):
    if engine.device != "CPU":
        pytest.skip("there is a GPU")
    engine.mark_verified({"lpips_change": 0.0})
    assert not cache.exists()


@pytest.fixture
def standin(monkeypatch, cache):
    """The engine itself on a GPU that is none."""
    pytest.importorskip("torch", reason="no torch")
    from percast.engines.runtimes import torch_graph
    from tests.standins.torch_cuda import TorchCuda

    monkeypatch.setattr(torch_graph, "_failure", "")
    return TorchCuda(monkeypatch)


def test_it_is_as_fast_as_it_will_be_after_the_runs_that_it_says(model, standin):
    with open_engine(model.encoder.path, "torch", "fp32") as engine:
        for captures in (0, 1):
            for _ in range(engine.warm_up_runs - 1):
                engine.run(inputs())
            assert standin.captures == captures


def test_its_memory_is_all_that_the_gpu_lost(model, standin):
    with open_engine(model.encoder.path, "torch", "fp32") as engine:
        assert engine.device_bytes == 0
        standin.free -= 300_000_000
        assert engine.device_bytes == 300_000_000


def test_a_gpu_that_is_full_or_busy_is_one_line_and_auto_does_without(model, standin):
    path = model.encoder.path
    with open_engine(path, "torch") as engine:
        engine.mark_verified({})
    with open_engine(path) as engine:
        assert (engine.name, engine.device) == ("torch", "Stand-in 3000")
    standin.refuses = RuntimeError("CUDA error: all devices\nare busy or unavailable")
    with pytest.raises(ModelError, match="torch failed: CUDA error: all devices are busy"):
        open_engine(path, "torch")
    with open_engine(path) as engine:
        assert engine.name == "openvino" and "all devices are busy" in engine.reason


def test_a_gpu_that_torch_cannot_even_name_is_done_without(model, standin, monkeypatch):
    import torch

    def lost():
        raise RuntimeError("CUDA error: unknown error")

    torch_verified.remember(model.encoder.path, "fp16", "Stand-in 3000", torch.__version__, {})
    monkeypatch.setattr(torch.cuda, "get_device_name", lost)
    with open_engine(model.encoder.path) as engine:
        assert engine.name == "openvino" and "unknown error" in engine.reason


def test_a_gpu_without_bf16_refuses_it_and_says_what_it_has(model, standin):
    standin.bf16 = False
    with pytest.raises(ModelError, match="bf16 here: use --precision fp32 or fp16$"):
        open_engine(model.encoder.path, "torch", "bf16")


@pytest.mark.gpu
def test_on_a_gpu_each_size_is_one_launch_and_computes_the_same(model, cache):
    torch = pytest.importorskip("torch", reason="no torch")
    if not torch.cuda.is_available():
        pytest.skip("torch finds no GPU")
    path = model.encoder.path
    with open_engine(path, "torch") as engine, open_engine(path, "onnxruntime", "fp32") as exact:
        assert engine.precision == "fp16"
        for seed in range(6):
            for height in (4, 7):
                one = inputs(seed, height)
                (found,), (expected,) = engine.run(one).values(), exact.run(one).values()
                assert np.abs(found - expected).max() < 0.05
        assert all(plan._replay for plan in engine._plans.values())


@pytest.mark.gpu
def test_on_a_gpu_engines_of_two_threads_do_not_spoil_each_others_captures(model, cache, caplog):
    torch = pytest.importorskip("torch", reason="no torch")
    if not torch.cuda.is_available():
        pytest.skip("torch finds no GPU")
    engines = [open_engine(model.encoder.path, "torch") for _ in range(2)]

    def work(engine):
        for height in (4, 5, 6, 7):  # each of them a search and a capture
            for seed in range(engine.warm_up_runs + 1):
                engine.run(inputs(seed, height))

    threads = [threading.Thread(target=work, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    plans = [plan for engine in engines for plan in engine._plans.values()]
    assert len(plans) == 8 and all(plan._replay for plan in plans), caplog.messages
    for engine in engines:
        engine.close()
