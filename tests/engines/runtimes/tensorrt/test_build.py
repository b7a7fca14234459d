# SPDX-License-Identifier: GPL-3.0-or-later
"""Real TensorRT-RTX plans, built without a GPU."""

import signal
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.tensorrt import build as tensorrt_build
from percast.engines.runtimes.tensorrt import package as tensorrt_package
from percast.engines.runtimes.tensorrt.build import PROFILES, build, profiles_for, size_of
from percast.engines.runtimes.tensorrt.fp16 import to_fp16
from percast.errors import ModelError, UsageError
from tests.engines.runtimes.test_engine import encoder_inputs, generator_inputs


@pytest.fixture(scope="module")
def rtx() -> tensorrt_package.Package:
    """TensorRT-RTX, or skip."""
    if not tensorrt_package.installed(tensorrt_package.RTX):
        pytest.skip("no TensorRT-RTX: pip install tensorrt-rtx")
    return tensorrt_package.load(tensorrt_package.RTX)


@pytest.fixture(scope="module")
def encoder(model) -> bytes:
    return model.encoder.path.read_bytes()


@pytest.mark.parametrize("role", ["encoder", "generator"])
def test_in_fp16_a_network_computes_the_same_but_for_rounding(model, tmp_path, role):
    network = getattr(model, role)
    path = tmp_path / "half.onnx"
    path.write_bytes(to_fp16(network.path.read_bytes()))
    inputs = encoder_inputs() if role == "encoder" else generator_inputs()
    results = []
    for each in (network.path, path):
        with open_engine(each, "onnxruntime") as engine:
            assert set(engine.inputs) == set(network.inputs)
            assert tuple(engine.outputs) == tuple(network.outputs)
            results.append(next(iter(engine.run(inputs).values())))
    assert results[1].dtype == np.float32
    difference = np.abs(results[0] - results[1]).max()
    assert 0 < difference < (0.02 if role == "encoder" else 0.005)


def test_in_fp16_everything_inside_is_fp16(encoder):
    onnx = pytest.importorskip("onnx")
    graph = onnx.load_model_from_string(to_fp16(encoder)).graph
    inferred = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(to_fp16(encoder)))
    ends = {port.name for port in (*graph.input, *graph.output)}
    kinds = {
        value.name: value.type.tensor_type.elem_type
        for value in inferred.graph.value_info
        if value.name not in ends
    }
    assert kinds and onnx.TensorProto.FLOAT not in kinds.values()
    assert onnx.TensorProto.FLOAT not in {tensor.data_type for tensor in graph.initializer}


def test_a_plan_says_how_far_it_is_while_it_is_built(rtx, encoder):
    shares = []
    plan = build(encoder, rtx, "fp16", "sm86", on_progress=shares.append)
    assert len(plan) > 5e6
    assert shares == sorted(shares) and 0 <= shares[0] < 0.2 and shares[-1] == 1
    assert len({round(share, 1) for share in shares}) >= 5


def test_fp16_halves_the_plan(rtx, encoder):
    sizes = [len(build(encoder, rtx, precision, "sm89")) for precision in ("fp16", "fp32")]
    assert sizes[0] < 0.7 * sizes[1]


def test_turing_has_fp16_only_and_says_so(rtx, encoder):
    with pytest.raises(ModelError, match="try --precision fp16"):
        build(encoder, rtx, "fp32", "sm75")


@pytest.mark.parametrize("precision", tensorrt_build.PRECISIONS)
@pytest.mark.parametrize("content", ["", "no network" * 9, "half"])
def test_a_wrong_or_truncated_network_is_one_line(rtx, encoder, precision, content):
    network = encoder[:1_000_000] if content == "half" else content.encode()
    with pytest.raises(ModelError) as caught:
        build(network, rtx, precision, "sm86")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_an_unknown_target_is_a_usage_error_that_names_those_there_are(rtx, encoder):
    with pytest.raises(UsageError, match="sm86, sm89"):
        build(encoder, rtx, "fp16", "sm77")


def test_for_hopper_it_says_which_package_builds(rtx, encoder):
    """No plan of this version runs there, not even one for any target."""
    with pytest.raises(UsageError, match=r"no plans for sm90, .*\(pip install tensorrt\)"):
        build(encoder, rtx, "fp16", "sm90")


def test_it_serves_the_gpus_that_it_knows_and_later_ones(rtx):
    assert all(rtx.serves(target) for target in rtx.targets) and "sm120" in rtx.targets
    assert rtx.serves("sm999")
    assert not any(rtx.serves(target) for target in ("sm70", "sm90", "sm100"))
    classic = tensorrt_package.Package(tensorrt_package.TENSORRT, rtx.trt)
    assert classic.serves("sm90")


def test_tensorrt_itself_builds_for_no_other_machine(rtx, encoder):
    other = tensorrt_package.Package(tensorrt_package.TENSORRT, rtx.trt)
    with pytest.raises(ModelError, match="leave out --target"):
        build(encoder, other, "fp16", "sm86")


def test_a_portable_plan_is_for_later_versions_and_other_gpus(rtx):
    other = tensorrt_package.Package(tensorrt_package.TENSORRT, rtx.trt)
    flag = rtx.trt.BuilderFlag.VERSION_COMPATIBLE
    for portable in (False, True):
        builder = rtx.trt.Builder(rtx.log)
        config = tensorrt_build._configure(builder, other, None, portable)
        assert config.get_flag(flag) == portable
        # TensorRT-RTX forgets the GPUs, so this asks a recorder what TensorRT would be told.
        recorder = Recorder()
        tensorrt_build._configure(recorder, other, None, portable)
        level = rtx.trt.HardwareCompatibilityLevel.AMPERE_PLUS
        assert recorder.hardware_compatibility_level == (level if portable else None)


class Recorder:
    """A builder, and its own configuration."""

    hardware_compatibility_level = None

    def create_builder_config(self) -> "Recorder":
        return self

    def set_flag(self, flag) -> None: ...

    clear_flag = set_flag


def test_a_driver_that_is_too_old_to_build_is_one_line(rtx, encoder, monkeypatch):
    def null_pointer(log):
        raise TypeError("pybind11::init(): factory function returned nullptr")

    old = SimpleNamespace(__version__="1.0", ILogger=rtx.trt.ILogger, Builder=null_pointer)
    package = tensorrt_package.Package(tensorrt_package.TENSORRT, old)
    with pytest.raises(ModelError, match="update the NVIDIA driver") as caught:
        build(encoder, package, "fp32")
    assert "\n" not in str(caught.value)


def test_a_plan_can_be_loaded_again_where_cuda_is(rtx, encoder):
    runtime = rtx.make("Runtime")
    plan = build(encoder, rtx, "fp16", tensorrt_build.ANY_TARGET)
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        assert "CUDA" in rtx.complaint()  # and nothing about the plan
        pytest.skip(rtx.complaint())
    names = {engine.get_tensor_name(i) for i in range(engine.num_io_tensors)}
    assert names == {"image", "condition", "latent"}
    assert engine.num_optimization_profiles == len(PROFILES)


@pytest.mark.parametrize("thread", ["main", "another"])
def test_ctrl_c_stops_a_build_and_is_then_as_before(rtx, encoder, thread):
    def build_until_interrupted():
        def on_progress(share):
            shares.append(share)
            if thread == "main" and len(shares) == 3:
                signal.raise_signal(signal.SIGINT)

        build(encoder, rtx, "fp16", "sm86", on_progress=on_progress)

    shares = []
    before = signal.getsignal(signal.SIGINT)
    if thread == "main":
        with pytest.raises(KeyboardInterrupt):
            build_until_interrupted()
        assert shares[-1] < 0.9
    else:  # which has no signals of its own
        other = threading.Thread(target=build_until_interrupted)
        other.start()
        other.join()
        assert shares[-1] == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_a_missing_package_names_the_line_that_brings_it(monkeypatch):
    monkeypatch.setitem(tensorrt_package._MODULES, "tensorrt", ("no_such_module",))
    tensorrt_package.load.cache_clear()
    with pytest.raises(ModelError, match="pip install tensorrt"):
        tensorrt_package.load("tensorrt")
    tensorrt_package.load.cache_clear()


def test_every_size_from_64_to_2160_has_a_profile():
    for height in range(64, 2161, 16):
        for width in range(64, 2161, 16):
            assert any(profile.takes(height, width) for profile in PROFILES)
    best = [profile.best for profile in PROFILES]
    assert best == [(256, 256), (512, 768), (1088, 1920)]
    for profile in PROFILES:
        assert profile.takes(*profile.best)


def test_a_size_of_its_own_comes_before_the_usual_ones():
    exact, *usual = profiles_for([(200, 300)])
    assert exact.smallest == exact.best == exact.largest == (208, 304)
    assert exact.batch == PROFILES[0].batch
    assert tuple(usual) == PROFILES
    with pytest.raises(UsageError):
        profiles_for([(63, 64)])


def test_the_size_of_a_picture_is_read_off_its_inputs():
    assert size_of({"condition": (1, 2), "image": (1, 3, 64, 80)}) == (64, 80)
    assert size_of({"latent": (1, 96, 4, 5), "condition": (1, 3)}) == (64, 80)
