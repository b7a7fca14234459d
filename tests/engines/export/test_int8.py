# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks in int8: making them, finding them, and when `auto` may pick one."""

import io
import zipfile

import numpy as np
import pytest

from percast.engines.evaluation.verify import Candidate, Comparison, verify
from percast.engines.runtimes import int8_networks
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.openvino import openvino, read_network
from percast.engines.runtimes.plan_cache import PlanCache
from percast.errors import FileError, ModelError, UsageError


@pytest.fixture
def cache(tmp_path, monkeypatch) -> PlanCache:
    """An empty cache in place of the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return PlanCache()


@pytest.fixture
def network(model, cache, tmp_path):
    """The generator's ONNX file, with a plan in the cache where its int8 network belongs.

    The plan holds the same network in fp32: what makes one is tested below, where NNCF is.
    """
    path = tmp_path / "network.xml"
    openvino.save_model(read_network(model.generator.path), path, compress_to_fp16=False)
    packed = int8_networks.pack(path.read_bytes(), path.with_suffix(".bin").read_bytes())
    cache.obtain(int8_networks.key_for(model.generator.path), lambda: packed, {})
    return model.generator.path


@pytest.fixture
def device(model) -> str:
    with open_engine(model.generator.path, "openvino", "fp32") as engine:
        return engine.device


def picked(network) -> str:
    with open_engine(network, "openvino", "auto") as engine:
        return engine.precision


def generator_inputs(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "latent": rng.normal(0, 0.5, (1, 96, 4, 5)).astype(np.float32),
        "reliability": rng.random((1, 48, 4, 5), np.float32),
        "condition": np.array([[0.5, 1 / 3, 1.0]], np.float32),
    }


def test_without_a_network_the_refusal_says_how_to_make_one(model, cache):
    with pytest.raises(ModelError, match=r"percast\[int8\].*percast engine build") as caught:
        open_engine(model.generator.path, "openvino", "int8")
    assert "\n" not in str(caught.value)


def test_the_network_in_the_cache_is_run(network):
    with open_engine(network, "openvino", "int8") as stored:
        assert stored.precision == "int8"
        found = stored.run(generator_inputs())["image"]
    with open_engine(network, "openvino", "fp32") as exact:
        np.testing.assert_allclose(found, exact.run(generator_inputs())["image"], atol=2e-3)


def test_a_damaged_network_is_refused(network, cache):
    plan = next(cache.folder.glob("*.plan"))
    plan.write_bytes(plan.read_bytes()[:-1])
    with pytest.raises(ModelError, match="no int8 network"):
        open_engine(network, "openvino", "int8")


def remember(network, result):
    int8_networks.mark_verified(network, int8_networks.load(network)[2], result)


GOOD = {"lpips_change": 0.004, "speed": 1.5, "version": openvino.__version__}


def test_auto_picks_what_was_verified_here(network, device):
    before = picked(network)
    assert before in ("fp32", "bf16")
    remember(network, {**GOOD, "device": device})
    assert picked(network) == "int8"


def test_auto_does_without_a_network_that_was_damaged_since(network, device, cache):
    remember(network, {**GOOD, "device": device})
    next(cache.folder.glob("*.plan")).write_bytes(b"")
    assert picked(network) != "int8"


@pytest.mark.parametrize(
    "change",
    [
        {"lpips_change": 0.006},
        {"lpips_change": None},
        {"speed": 1.05},
        {"device": "another"},
        {"version": "1.0"},
    ],
)
def test_auto_picks_nothing_worse_slower_or_verified_elsewhere(network, device, change):
    remember(network, {**GOOD, "device": device, **change})
    assert picked(network) != "int8"


def test_a_verified_engine_is_timed_against_what_auto_picks(network, device, cache):
    with open_engine(network, "openvino", "int8") as engine:
        engine.run(generator_inputs())
        engine.mark_verified({"lpips_change": 0.001})
    result = cache.find(int8_networks.key_for(network)).verified
    assert result["device"] == device and result["lpips_change"] == 0.001
    assert 0.1 < result["speed"] < 10


def test_a_network_made_while_another_was_verified_is_not_taken_for_it(network, cache):
    with open_engine(network, "openvino", "int8") as engine:
        engine.run(generator_inputs())
        cache.obtain(int8_networks.key_for(network), lambda: b"another", {}, lambda plan: False)
        with pytest.raises(FileError, match="verify again"):
            engine.mark_verified({"lpips_change": 0.001})


def test_only_int8_is_remembered(model, cache):
    with open_engine(model.generator.path, "openvino", "fp32") as engine:
        engine.mark_verified({"lpips_change": 0.0})
    assert not cache.folder.exists()


@pytest.fixture(scope="module")
def quantise():
    pytest.importorskip("nncf", reason="no NNCF: pip install 'percast[int8]'")
    from percast.engines.export import quantise

    return quantise


@pytest.fixture
def quick(quantise, monkeypatch):
    """Quantisation on few small crops."""
    monkeypatch.setattr(quantise, "CROP", 96)
    real = quantise.calibration_inputs
    monkeypatch.setattr(
        quantise, "calibration_inputs", lambda model, pictures, threads: real(model, pictures, 15)
    )
    return quantise


def test_calibration_covers_rates_snrs_realisms_and_losses(quantise, model, draw):
    seen = quantise.calibration_inputs(model, [draw(96, 100)], crops=20)
    conditions = np.concatenate([one["condition"] for one in seen["generator"]])
    assert len(seen["encoder"]) == len(conditions) == 20
    shares = sorted({round(float(share) * model.latent_channels) for share in conditions[:, 1]})
    assert shares == sorted(model.rates.values())
    assert conditions[:, 0].min() < 0.1 and conditions[:, 0].max() > 0.8
    assert (conditions[:, 2].min(), conditions[:, 2].max()) == pytest.approx(model.realism)
    assert any((one["reliability"][0, :4] == 0).any() for one in seen["generator"])


def test_pictures_are_needed(quantise, model):
    with pytest.raises(UsageError, match="folder"):
        quantise.calibration_inputs(model, [])


def test_the_ends_the_linear_path_and_the_conditioning_stay_in_float(quick, model, draw):
    calibration = quick.calibration_inputs(model, [draw(96, 96)], threads=1)
    float_convolutions = {"encoder": 4, "generator": 3}  # PixelBlocks, stem, head, linear
    for role, count in float_convolutions.items():
        network = getattr(model, role).path
        graph, weights = unpacked(quick.quantise(network, calibration[role]))
        quantised = openvino.Core().read_model(graph, weights)
        nodes = quantised.get_ordered_ops()
        convolutions = [node for node in nodes if node.get_type_name() == "Convolution"]
        rounded = [
            node
            for node in convolutions
            if node.input_value(0).get_node().get_type_name() == "FakeQuantize"
        ]
        assert len(convolutions) - len(rounded) == count
        assert len(rounded) >= 16
        for node in nodes:
            if node.get_type_name() in ("MatMul", "Add"):
                kinds = [value.get_node().get_type_name() for value in node.input_values()]
                assert "FakeQuantize" not in kinds


def unpacked(plan):
    with zipfile.ZipFile(io.BytesIO(plan)) as archive:
        return archive.read("network.xml"), archive.read("network.bin")


def test_other_pictures_make_another_network(quick, model, draw, cache, monkeypatch):
    monkeypatch.setattr(quick, "quantise", lambda network, calibration: b"")

    def fresh(seed, **options) -> set[bool]:
        obtained = quick.obtain(model, [draw(96, 96, seed)], **options)
        return {plan.fresh for _, plan in obtained.values()}

    assert fresh(0) == {True} and fresh(0) == {False}
    assert fresh(1, any_will_do=True) == {False}
    assert fresh(1) == {True} and fresh(1) == {False}


def test_int8_is_fp32_but_for_rounding(quick, model, draw, cache):
    picture = draw(128, 160)
    obtained = quick.obtain(model, [picture, draw(100, 120, seed=1)])
    assert all(plan.fresh and not plan.problem for _, plan in obtained.values())
    assert not any(plan.fresh for _, plan in quick.obtain(model, [], any_will_do=True).values())
    report = verify(
        model,
        [Candidate("openvino", "int8")],
        [picture],
        Comparison(snrs_db=(10.0,)),
        remember=True,
    )
    assert not report.skipped and len(report.rows) == len(model.rates)
    assert all(row.psnr_db > 35 and abs(row.psnr_change_db) < 0.2 for row in report.rows)
    assert all(row.psnr_db < 60 for row in report.rows)  # it is another arithmetic
    # Without LPIPS nobody knows whether the change is small enough.
    assert picked(model.generator.path) != "int8"
