# SPDX-License-Identifier: GPL-3.0-or-later
"""The TensorRT engine on a stand-in for a GPU (tests/standins/gpu.py); tests marked `gpu` in
test_gpu.py use a real one."""

import gc
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from percast.engines import cuda, runtime_tensorrt, tensorrt_build, tensorrt_package, tensorrt_plans
from percast.engines.engine import open_engine
from percast.engines.nvidia import Gpu
from percast.engines.plan_cache import PlanCache
from percast.errors import ModelError
from tests.engines.test_engine import encoder_inputs, generator_inputs
from tests.standins.gpu import Cuda, Graph, Runtime

onnx = pytest.importorskip("onnx", reason="TensorRT's fp16 needs onnx")
GPU = Gpu(0, "Stand-in 3000", "sm86")


def package(name: str, driver: Cuda):
    """What `percast.engines.tensorrt_package.load` gives."""
    io = SimpleNamespace(INPUT="input", OUTPUT="output")
    trt = SimpleNamespace(
        TensorIOMode=io,
        ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED=1),
        CudaGraphStrategy=SimpleNamespace(WHOLE_GRAPH_CAPTURE=1),
        DynamicShapesKernelSpecializationStrategy=SimpleNamespace(EAGER=1),
    )
    trt.Runtime = lambda log: Runtime(trt, driver, tensorrt_build.PROFILES, log)
    return SimpleNamespace(
        name=name, version="1.2.3", trt=trt, log=None, targets=("sm86",),
        forget=lambda: None, complaint=lambda: "no reason",
    )  # fmt: skip


@pytest.fixture(params=[tensorrt_package.RTX, tensorrt_package.TENSORRT])
def gpu(request, monkeypatch, tmp_path) -> Cuda:
    """A machine with a GPU, pycuda and one of the packages; its builder copies ONNX files."""
    driver = Cuda()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cuda._driver.cache_clear()
    cuda._primary_context.cache_clear()
    fake = package(request.param, driver)
    monkeypatch.setattr(cuda, "_driver", lambda: driver)
    monkeypatch.setattr(cuda, "_primary_context", lambda index: driver.retain_primary_context())
    for module in (cuda, tensorrt_plans):
        monkeypatch.setattr(module, "first_gpu", lambda: GPU)
    monkeypatch.setattr(runtime_tensorrt, "for_this_machine", lambda: fake)
    monkeypatch.setattr(tensorrt_plans, "for_this_machine", lambda: fake)
    monkeypatch.setattr(tensorrt_plans, "missing", lambda: iter(()))
    monkeypatch.setattr(tensorrt_build, "build", lambda network, *_: network)
    monkeypatch.setattr(runtime_tensorrt, "CudaGraph", Graph)
    Graph.alive = Graph.launches = 0
    return driver


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
    assert engine.device_bytes > 0


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


def test_the_plan_is_built_once_and_found_again(gpu, model, monkeypatch, caplog):
    open_engine(model.encoder.path, "tensorrt", "fp32").close()
    assert "compiling encoder.onnx" in caplog.text
    monkeypatch.setattr(tensorrt_build, "build", None)
    with open_engine(model.encoder.path, "tensorrt", "fp32") as engine:
        assert engine.run(encoder_inputs())["latent"].shape == (1, 96, 4, 5)


def test_a_damaged_plan_is_built_again_and_said_so(gpu, model, caplog):
    open_engine(model.encoder.path, "tensorrt", "fp32").close()
    (entry,) = PlanCache().entries()
    entry.path.write_bytes(b"\x08 rubbish")
    open_engine(model.encoder.path, "tensorrt", "fp32").close()
    assert "is damaged" in caplog.text
    (entry,) = PlanCache().entries()
    assert not entry.problem


def test_kernels_that_rtx_compiled_are_kept_for_the_next_start(gpu, model):
    with open_engine(model.encoder.path, "tensorrt", "fp32") as engine:
        engine.run(encoder_inputs())
    with open_engine(model.encoder.path, "tensorrt", "fp32") as engine:
        kept = engine._engine.compiled.taken
        assert kept == (tensorrt_package.RTX in engine.device)


def test_a_plan_that_cannot_be_loaded_is_one_line(gpu, model, monkeypatch):
    monkeypatch.setattr(tensorrt_build, "build", lambda *_: b"of another version")
    with pytest.raises(ModelError, match="cannot load its plan"):
        open_engine(model.encoder.path, "tensorrt", "fp32")
    assert not gpu.memory and not gpu.contexts()


def test_precisions_that_it_lacks_are_refused(gpu, model):
    for precision in ("bf16", "int8"):
        with pytest.raises(ModelError, match="fp16 or fp32"):
            open_engine(model.encoder.path, "tensorrt", precision)


def test_auto_takes_it_only_once_it_was_verified(gpu, model):
    path = model.generator.path
    with open_engine(path) as engine:
        assert engine.name == "openvino"
        assert "percast engine verify" in engine.reason
    with open_engine(path, "tensorrt") as engine:
        engine.mark_verified({"reference": "a test"})
    with open_engine(path) as engine:
        assert (engine.name, engine.precision) == ("tensorrt", "fp16")
        assert "verified" in engine.reason and "\n" not in engine.reason
    with open_engine(path, precision="fp32") as engine:
        assert engine.name == "openvino"  # another plan


def test_auto_falls_back_where_the_gpu_fails(gpu, model, monkeypatch):
    with open_engine(model.generator.path, "tensorrt") as engine:
        engine.mark_verified({})

    def broken():
        raise ModelError("CUDA failed: the device was lost")

    monkeypatch.setattr(runtime_tensorrt, "Device", broken)
    with open_engine(model.generator.path) as engine:
        assert engine.name == "openvino" and "device was lost" in engine.reason


def test_a_verified_plan_that_was_built_again_is_not_verified(gpu, model):
    with open_engine(model.generator.path, "tensorrt") as engine:
        engine.mark_verified({})
    (entry,) = PlanCache().entries()
    data = entry.path.read_bytes()
    entry.path.with_suffix(".json").unlink()
    entry.path.write_bytes(data[:-1])
    assert "not verified" in tensorrt_plans.why_not(model.generator.path, "auto")
