# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: F811 - a fixture is imported
"""Which plan the TensorRT engine takes, on a stand-in for a GPU, and when `auto` takes one."""

import pytest

from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.plan_cache import PlanCache
from percast.engines.runtimes.tensorrt import build as tensorrt_build
from percast.engines.runtimes.tensorrt import engine as runtime_tensorrt
from percast.engines.runtimes.tensorrt import package as tensorrt_package
from percast.engines.runtimes.tensorrt import plans as tensorrt_plans
from percast.engines.runtimes.tensorrt.nvidia import Gpu
from percast.errors import FileError, ModelError
from tests.engines.runtimes.test_engine import encoder_inputs, generator_inputs
from tests.standins.gpu_machine import OWN, PORTABLE, gpu, keep, key  # noqa: F401 - a fixture

onnx = pytest.importorskip("onnx", reason="TensorRT's fp16 needs onnx")


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
        kept = engine._plan.engine.compiled.taken
        assert kept == (tensorrt_package.RTX in engine.device)


@pytest.mark.parametrize("wrong", ["plan", "manifest"])
def test_a_plan_that_cannot_be_loaded_is_built_again_and_said_so(gpu, model, caplog, wrong):
    if wrong == "plan":
        keep(model.encoder.path, OWN, b"of a later version")
    else:
        keep(model.encoder.path, OWN, model.encoder.path.read_bytes(), details={})
    with open_engine(model.encoder.path, "tensorrt") as engine:
        assert engine.run(encoder_inputs())["latent"].shape == (1, 96, 4, 5)
    assert ("cannot load" if wrong == "plan" else "does not tell the profiles") in caplog.text
    caplog.clear()
    open_engine(model.encoder.path, "tensorrt").close()
    assert not caplog.text


def test_a_portable_plan_that_cannot_be_loaded_is_passed_over(gpu, model, caplog):
    keep(model.encoder.path, PORTABLE, b"of a later version")
    open_engine(model.encoder.path, "tensorrt").close()
    assert "cannot load" in caplog.text and "compiling" in caplog.text
    caplog.clear()
    open_engine(model.encoder.path, "tensorrt").close()
    assert not caplog.text


def test_a_plan_that_cannot_be_loaded_even_when_new_is_one_line(gpu, model, monkeypatch):
    monkeypatch.setattr(tensorrt_build, "build", lambda *_: b"of another version")
    for _ in range(2):
        with pytest.raises(ModelError, match="cannot load its plan.*use --engine openvino"):
            open_engine(model.encoder.path, "tensorrt", "fp32")
        assert not gpu.memory and not gpu.contexts()


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


def why_no_tensorrt(path) -> str:
    """Why `auto` takes the CPU, and builds nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensorrt_build, "build", None)
        with open_engine(path) as engine:
            assert engine.name == "openvino"
            return engine.reason


def test_a_verified_plan_that_was_built_again_or_damaged_is_not_verified(gpu, model):
    path = model.generator.path
    with open_engine(path, "tensorrt") as engine:
        engine.mark_verified({})
    PlanCache().obtain(key(path, OWN), lambda: b"\x08", {}, lambda plan: False)
    assert "not verified" in why_no_tensorrt(path)
    with open_engine(path, "tensorrt") as engine:
        engine.mark_verified({})
    (entry,) = PlanCache().entries()
    entry.path.write_bytes(b"rubbish")
    assert "not verified" in why_no_tensorrt(path)


def test_auto_takes_the_very_plan_that_was_verified(gpu, model):
    path = model.generator.path
    keep(path, PORTABLE, path.read_bytes())
    with open_engine(path, "tensorrt") as engine:  # there is no other yet
        assert engine._plan.key == key(path, PORTABLE)
        engine.mark_verified({})
    keep(path, OWN, b"\x08 never verified")
    with open_engine(path) as engine:
        assert engine.name == "tensorrt" and engine._plan.key == key(path, PORTABLE)


def test_a_plan_that_was_verified_on_another_gpu_is_not_taken(gpu, model, monkeypatch):
    path = model.generator.path
    keep(path, PORTABLE, path.read_bytes())
    with open_engine(path, "tensorrt") as engine:
        engine.mark_verified({})
    monkeypatch.setattr(tensorrt_plans, "first_gpu", lambda: Gpu(0, "Stand-in 4000", "sm86"))
    assert "not verified on this GPU" in why_no_tensorrt(path)


def test_a_plan_that_was_replaced_while_it_was_verified_is_not_taken_for_it(gpu, model):
    with open_engine(model.generator.path, "tensorrt") as engine:
        keep(model.generator.path, OWN, b"\x08 another")
        with pytest.raises(FileError, match="verify again"):
            engine.mark_verified({})


def test_kernels_that_tensorrt_does_not_give_are_not_kept(gpu, model):
    engine = open_engine(model.generator.path, "tensorrt")
    engine.run(generator_inputs())
    engine._plan.engine.compiled.serialize = lambda: None
    engine.close()
    assert not gpu.memory and not hasattr(engine, "_plan")
