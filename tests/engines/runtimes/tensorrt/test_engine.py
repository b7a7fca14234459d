# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: F811 - a fixture is imported
"""The TensorRT engine on a stand-in for a GPU (tests/standins/gpu.py); tests marked `gpu` in
test_gpu.py use a real one."""

import gc
import threading

import numpy as np
import pytest

from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.tensorrt import build as tensorrt_build
from percast.engines.runtimes.tensorrt import engine as runtime_tensorrt
from percast.engines.runtimes.tensorrt import package as tensorrt_package
from percast.errors import ModelError
from tests.engines.runtimes.test_engine import generator_inputs
from tests.standins.gpu import Graph
from tests.standins.gpu_machine import GPU, forget_the_driver, gpu  # noqa: F401 - a fixture

onnx = pytest.importorskip("onnx", reason="TensorRT's fp16 needs onnx")


@pytest.fixture
def engine(gpu, model):
    with open_engine(model.generator.path, "tensorrt", "fp32") as engine:
        yield engine


@pytest.fixture(scope="module")
def reference(model):
    with open_engine(model.generator.path, "onnxruntime") as engine:
        yield engine


def test_it_computes_what_onnx_runtime_computes(engine, reference):
    for seed in range(4):  # the first run, the captured one, and replays
        inputs = generator_inputs(seed=seed)
        expected = reference.run(inputs)["image"]
        np.testing.assert_allclose(engine.run(inputs)["image"], expected, atol=1e-5)


def test_names_and_device_are_told(engine, gpu, model):
    assert engine.name == "tensorrt" and engine.precision == "fp32"
    assert set(engine.inputs) == {"latent", "reliability", "condition"}
    assert engine.outputs == ("image",)
    assert "Stand-in 3000" in engine.reason and "as asked" in engine.reason


def test_sizes_may_change_and_the_oldest_is_freed(engine, gpu, reference, monkeypatch):
    held = []
    monkeypatch.setattr(runtime_tensorrt, "_SHAPES_KEPT", 4)
    for height, width in [(4, 4), (5, 6), (4, 7), (6, 4), (7, 5), (4, 4), (40, 8)]:
        inputs = generator_inputs(height, width)
        found = engine.run(inputs)["image"]
        np.testing.assert_allclose(found, reference.run(inputs)["image"], atol=1e-5)
        held.append(len(gpu.memory))
    assert max(held) == 4 * 5  # of four sizes: three inputs, an output, activations


def test_the_gpus_memory_is_told_with_the_weights(engine, model):
    weights = model.generator.path.stat().st_size  # the stand-in's plan is the ONNX file
    assert weights <= engine.device_bytes < weights + 1000
    engine.run(generator_inputs())
    assert engine.device_bytes > weights + 4 * 3 * 64 * 80  # with the picture at least


def test_large_batches_go_in_parts(engine, reference):
    parts = [generator_inputs(seed=seed) for seed in range(tensorrt_build.PROFILES[0].batch + 3)]
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    alone = np.concatenate([reference.run(part)["image"] for part in parts])
    np.testing.assert_allclose(engine.run(together)["image"], alone, atol=1e-4)


def test_threads_share_the_context_and_leave_none_behind(engine, gpu, reference):
    expected = {seed: reference.run(generator_inputs(seed=seed))["image"] for seed in range(4)}
    found, left = {}, []

    def work(seed):
        for _ in range(3):
            found[seed] = engine.run(generator_inputs(seed=seed))["image"]
        left.append(len(gpu.contexts()))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, image in expected.items():
        np.testing.assert_allclose(found[seed], image, atol=1e-5)
    assert left == [0] * 4 and not gpu.contexts()


def test_closing_frees_everything_at_once_from_any_thread(gpu, model):
    engine = open_engine(model.generator.path, "tensorrt", "fp32")
    for size in ((4, 4), (5, 5)):
        for _ in range(3):
            engine.run(generator_inputs(*size))
    assert gpu.memory and gpu.pinned
    gc.disable()
    try:
        thread = threading.Thread(target=engine.close)
        thread.start()
        thread.join()
        assert not gpu.memory and gpu.pinned == 0 and Graph.alive == 0
    finally:
        gc.enable()
    with pytest.raises(ModelError, match="closed"):
        engine.run(generator_inputs())


def test_fixed_shapes_are_replayed_from_a_graph(engine, gpu):
    for _ in range(5):
        engine.run(generator_inputs())
    rtx = tensorrt_package.RTX in engine.device  # it makes its own graphs
    assert Graph.launches == (0 if rtx else 4)


def test_work_that_tensorrt_cannot_have_captured_is_enqueued_every_time(engine, gpu, reference):
    Graph.refused = True
    for seed in range(4):
        inputs = generator_inputs(seed=seed)
        expected = reference.run(inputs)["image"]
        np.testing.assert_allclose(engine.run(inputs)["image"], expected, atol=1e-5)
    assert Graph.launches == Graph.alive == 0


@pytest.mark.parametrize("call", ["init", "retain_primary_context"])
def test_a_gpu_that_is_full_or_taken_is_one_line_and_auto_does_without(gpu, model, call):
    def busy():
        raise gpu.Error(f"{call} failed:\nexclusive mode")

    with open_engine(model.generator.path, "tensorrt") as engine:
        engine.mark_verified({})
    forget_the_driver()
    setattr(gpu, call, busy)
    with pytest.raises(ModelError, match="CUDA failed") as caught:
        open_engine(model.generator.path, "tensorrt")
    assert "\n" not in str(caught.value)
    with open_engine(model.generator.path) as engine:
        assert engine.name == "openvino" and "exclusive mode" in engine.reason


def test_a_driver_that_is_too_old_is_one_line(gpu, model, monkeypatch):
    def null_pointer(log):
        raise TypeError("pybind11::init(): factory function returned nullptr")

    package = runtime_tensorrt.for_this_machine(GPU)
    monkeypatch.setattr(package.trt, "Runtime", null_pointer)
    with pytest.raises(ModelError, match="update the NVIDIA driver"):
        open_engine(model.generator.path, "tensorrt")


def test_out_of_memory_is_one_line_frees_what_it_had_and_the_engine_lives_on(engine, gpu):
    gpu.fail_after = 3
    with pytest.raises(ModelError, match="out of memory"):
        engine.run(generator_inputs())
    assert not gpu.memory and gpu.pinned == 0 and not gpu.contexts()
    gpu.fail_after = None
    assert engine.run(generator_inputs())["image"].shape == (1, 3, 64, 80)


@pytest.mark.parametrize(
    "wrong",
    [
        {"latent": np.zeros((1, 95, 4, 5), np.float32)},
        {"latent": np.zeros((2, 96, 4, 5), np.float32)},
        {"latent": np.zeros((1, 96, 4, 500), np.float32)},
        {"latent": np.zeros((1, 96, 1, 1), np.float32)},
    ],
)
def test_a_wrong_shape_is_one_line_and_the_engine_lives_on(engine, gpu, wrong):
    with pytest.raises(ModelError) as caught:
        engine.run({**generator_inputs(), **wrong})
    assert "\n" not in str(caught.value)
    assert not gpu.contexts()
    assert engine.run(generator_inputs())["image"].shape == (1, 3, 64, 80)


def test_precisions_that_it_lacks_are_refused(gpu, model):
    for precision in ("bf16", "int8"):
        with pytest.raises(ModelError, match="fp16 or fp32"):
            open_engine(model.encoder.path, "tensorrt", precision)


def test_closing_frees_all_even_where_some_of_it_fails(gpu, model):
    engine = open_engine(model.generator.path, "tensorrt")
    for size in ((4, 4), (5, 5)):
        engine.run(generator_inputs(*size))
    gpu.fail_frees = 1
    with pytest.raises(ModelError, match="launch failure"):
        engine.close()
    assert len(gpu.memory) == 1 and gpu.pinned == 0 and not gpu.contexts()
    assert not hasattr(engine, "_plan") and not hasattr(engine, "_stream")
