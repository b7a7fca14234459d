# SPDX-License-Identifier: GPL-3.0-or-later
import sys
import threading

import numpy as np
import pytest

from percast.engines.codecs import learned
from percast.engines.runtimes import slot
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.engine import CPU_ENGINES
from percast.engines.runtimes.tensorrt import cuda
from percast.engines.runtimes.tensorrt.nvidia import NoGpu
from percast.errors import ModelError, UsageError


def generator_inputs(height=4, width=5, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "latent": rng.normal(0, 0.5, (1, 96, height, width)).astype(np.float32),
        "reliability": rng.random((1, 48, height, width), np.float32),
        "condition": np.array([[0.5, 1 / 3, 1.0]], np.float32),
    }


def encoder_inputs(height=64, width=80):
    rng = np.random.default_rng(0)
    return {
        "image": rng.random((1, 3, height, width), np.float32),
        "condition": np.array([[0.5, 1 / 3]], np.float32),
    }


def refusal(*arguments, **options) -> str:
    with pytest.raises(ModelError) as caught:
        open_engine(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def generator(model):
    with open_engine(model.generator.path) as engine:
        yield engine


@pytest.fixture(params=CPU_ENGINES)
def each(request, model):
    """The generator in every engine of the CPU, fp32."""
    with open_engine(model.generator.path, request.param, "fp32") as engine:
        yield engine


def hide(monkeypatch, package):
    """Makes a runtime's package impossible to import."""
    monkeypatch.setitem(sys.modules, package, None)
    for module in (package, "openvino_core"):
        monkeypatch.delitem(sys.modules, f"percast.engines.runtimes.{module}", raising=False)


@pytest.mark.parametrize("size", [(4, 4), (5, 7)])
@pytest.mark.parametrize("role", ["encoder", "generator"])
def test_the_engines_agree(model, role, size):
    height, width = size
    inputs = (
        encoder_inputs(16 * height, 16 * width)
        if role == "encoder"
        else generator_inputs(height, width)
    )
    results = []
    for name in CPU_ENGINES:
        with open_engine(getattr(model, role).path, name, "fp32") as engine:
            (output,) = engine.run(inputs).values()
            results.append(output)
    assert results[0].shape == results[1].shape
    assert np.abs(results[0] - results[1]).max() < 2e-3


def test_bf16_is_fp32_but_for_rounding(model):
    inputs = generator_inputs()
    with open_engine(model.generator.path, "openvino", "auto") as engine:
        if engine.precision != "bf16":
            pytest.skip(f"no bf16 on {engine.device}")
        rough = engine.run(inputs)["image"]
    with open_engine(model.generator.path, "openvino", "fp32") as engine:
        exact = engine.run(inputs)["image"]
    assert rough.dtype == np.float32
    assert np.sqrt(np.mean((rough - exact) ** 2)) < 0.01
    assert np.abs(rough - exact).max() > 0  # it is another arithmetic


def test_a_batch_is_its_pictures_one_by_one(each):
    parts = [generator_inputs(seed=seed) for seed in (0, 1)]
    both = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    alone = np.concatenate([each.run(part)["image"] for part in parts])
    np.testing.assert_allclose(each.run(both)["image"], alone, atol=1e-4)


def test_sizes_may_change_from_run_to_run(each):
    for height, width in [(4, 4), (5, 6), (4, 7), (6, 4), (7, 5), (4, 4)]:
        shape = each.run(generator_inputs(height, width))["image"].shape
        assert shape == (1, 3, 16 * height, 16 * width)


def test_an_output_outlives_the_next_run(each):
    first = each.run(generator_inputs(seed=0))["image"]
    kept = first.copy()
    each.run(generator_inputs(seed=1))
    np.testing.assert_array_equal(first, kept)


def test_inputs_need_be_neither_float32_nor_contiguous(each):
    inputs = generator_inputs()
    odd = {
        name: np.repeat(array, 2, axis=-1)[..., ::2].astype(np.float64)
        for name, array in inputs.items()
    }
    np.testing.assert_array_equal(each.run(odd)["image"], each.run(inputs)["image"])


def test_threads_may_share_an_engine(each):
    expected = {seed: each.run(generator_inputs(seed=seed))["image"] for seed in range(4)}
    found = {}

    def work(seed):
        for _ in range(3):
            found[seed] = each.run(generator_inputs(seed=seed))["image"]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, image in expected.items():
        np.testing.assert_array_equal(found[seed], image)


def test_an_engine_tells_what_it_is_and_why(generator):
    assert generator.name == "openvino"
    assert generator.precision in generator.reason and "openvino" in generator.reason
    assert "\n" not in generator.reason
    assert generator.threads == 1 and generator.device


def test_wrong_names_are_refused(each):
    with pytest.raises(ValueError, match="latent"):
        each.run({"image": np.zeros((1, 3, 64, 64), np.float32)})


def test_a_wrong_shape_is_one_line_and_the_engine_lives_on(each):
    with pytest.raises(ModelError) as caught:
        each.run({**generator_inputs(), "latent": np.zeros((1, 95, 4, 5), np.float32)})
    assert "\n" not in str(caught.value)
    assert each.run(generator_inputs())["image"].shape == (1, 3, 64, 80)


def test_a_closed_engine_says_so(each):
    each.close()
    each.close()
    with pytest.raises(ModelError, match="closed"):
        each.run(generator_inputs())


@pytest.mark.parametrize("name", CPU_ENGINES)
@pytest.mark.parametrize("content", [b"", b"no network" * 50, "half"])
def test_a_broken_network_is_one_line(model, tmp_path, name, content):
    path = tmp_path / "broken.onnx"
    if content == "half":
        content = model.generator.path.read_bytes()[:1_000_000]
    path.write_bytes(content)
    assert str(path) in refusal(path, name)


def test_a_missing_network_is_named(tmp_path):
    assert "nothing.onnx" in refusal(tmp_path / "nothing.onnx")


def test_unknown_names_are_usage_errors(model):
    for options in ({"engine": "abacus"}, {"precision": "fp8"}, {"threads": 0}):
        with pytest.raises(UsageError):
            open_engine(model.generator.path, **options)


def test_torch_computes_the_same(model):
    pytest.importorskip("torch", reason="no torch")
    for path, inputs in (
        (model.encoder.path, encoder_inputs()),
        (model.generator.path, generator_inputs()),
    ):
        results = []
        for name in ("torch", "onnxruntime"):
            with open_engine(path, name, "fp32") as engine:
                results.append(next(iter(engine.run(inputs).values())))
        assert np.abs(results[0] - results[1]).max() < 2e-3


def test_torch_refuses_other_networks_precisions_and_shapes_in_one_line(model, tmp_path):
    pytest.importorskip("torch", reason="no torch")
    path = tmp_path / "broken.onnx"
    path.write_bytes(model.encoder.path.read_bytes()[:1_000_000])
    assert str(path) in refusal(path, "torch")
    assert "int8" in refusal(model.encoder.path, "torch", "int8")
    with open_engine(model.encoder.path, "torch") as engine:
        with pytest.raises(ModelError):
            engine.run({**encoder_inputs(), "image": np.zeros((1, 4, 64, 64), np.float32)})
        assert engine.run(encoder_inputs())["latent"].shape == (1, 96, 4, 5)


def test_torch_where_it_is_missing_names_what_to_install(monkeypatch, model):
    hide(monkeypatch, "torch")
    monkeypatch.delitem(sys.modules, "percast.engines.networks", raising=False)
    assert "pip install 'percast[train]'" in refusal(model.generator.path, "torch")


def test_tensorrt_without_a_gpu_says_what_lacks(monkeypatch, model):
    def none():
        raise NoGpu("no NVIDIA driver")

    monkeypatch.setattr(cuda, "first_gpu", none)
    assert "no NVIDIA driver" in refusal(model.generator.path, "tensorrt")


def test_auto_says_why_it_is_not_tensorrt(generator):
    if generator.name == "tensorrt":
        pytest.skip("it is")
    assert "no tensorrt, as" in generator.reason


def test_a_codec_that_cannot_be_opened_leaves_no_engine_open(monkeypatch, model):
    opened = []

    def open_one(path, *options):
        if opened:
            raise ModelError("no memory for a second one")
        opened.append(open_engine(path, *options))
        return opened[0]

    monkeypatch.setattr(slot, "open_engine", open_one)
    with pytest.raises(ModelError, match="second"):
        learned.LearnedCodec(model)
    with pytest.raises(ModelError, match="closed"):
        opened[0].run(encoder_inputs())


def test_precisions_that_an_engine_lacks_are_refused(model):
    assert "fp32 only" in refusal(model.generator.path, "onnxruntime", "bf16")
    assert "int8" in refusal(model.generator.path, "openvino", "int8")


@pytest.mark.parametrize("name", CPU_ENGINES)
def test_a_missing_runtime_names_the_package_to_install(monkeypatch, model, name):
    hide(monkeypatch, name)
    assert f"pip install {name}" in refusal(model.generator.path, name)


def test_auto_falls_back_and_says_why(monkeypatch, model):
    hide(monkeypatch, "openvino")
    with open_engine(model.generator.path) as engine:
        assert engine.name == "onnxruntime"
        assert "openvino" in engine.reason
