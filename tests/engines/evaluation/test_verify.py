# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
import signal
import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from percast.engines.evaluation import bench as benchmark
from percast.engines.evaluation import verify as verification
from percast.engines.evaluation.bench import bench
from percast.engines.evaluation.verify import (
    TOLERANCES,
    Candidate,
    Comparison,
    all_candidates,
    verify,
)
from percast.engines.manifest import load_model
from percast.engines.runtimes import openvino as runtime_openvino
from percast.engines.runtimes.engine import CPU_ENGINES
from percast.engines.runtimes.samples import inputs_of
from percast.errors import ModelError

EXACT = Candidate("onnxruntime", "fp32")
OTHER = Candidate("openvino", "fp32")
ONE_RATE = Comparison(cbrs=[Fraction(1, 48)], snrs_db=[10.0])


@pytest.fixture(scope="module")
def pictures(draw):
    return [draw(64, 80), draw(71, 65, seed=1)]


def test_the_cpu_engines_agree_at_every_rate_and_snr(model, pictures):
    both = [Candidate(name, "fp32") for name in CPU_ENGINES]
    found = verify(model, both, pictures, Comparison(reference=EXACT))
    assert found.ok and not found.skipped and found.reference == EXACT
    assert {(row.cbr, row.snr_db) for row in found.rows} == {
        (str(cbr), snr) for cbr in model.rates for snr in verification.SNRS_DB
    }
    assert {row.engine for row in found.rows} == {"openvino"}  # not the reference with itself
    for row in found.rows:
        assert 0 < row.latent_max_abs < 2e-3 and row.image_max_abs < 2e-3
        assert row.lpips_change is None


def test_torch_is_the_reference_where_it_is(model, pictures):
    pytest.importorskip("torch", reason="no torch")
    found = verify(model, [Candidate(name, "fp32") for name in CPU_ENGINES], pictures, ONE_RATE)
    assert found.ok and found.reference == Candidate("torch", "fp32")
    assert {row.engine for row in found.rows} == set(CPU_ENGINES)


def test_bf16_is_within_its_tolerance_and_not_within_that_of_fp32(model, pictures):
    rough = Candidate("openvino", "bf16")
    found = verify(model, [rough], pictures, ONE_RATE)
    if found.skipped:
        pytest.skip(found.skipped[rough])
    assert found.ok
    strict = {"bf16": TOLERANCES["fp32"]}
    assert not verify(model, [rough], pictures, replace(ONE_RATE, tolerances=strict)).ok


def test_those_that_do_not_run_here_are_skipped_and_say_why(model, pictures):
    found = verify(model, all_candidates(), pictures, ONE_RATE)
    assert {str(candidate) for candidate in found.skipped} >= {"onnxruntime bf16"}
    assert all(found.skipped.values())
    assert not {Candidate(row.engine, row.precision) for row in found.rows} & set(found.skipped)
    assert found.as_dict()["ok"] is found.ok


def break_openvino(monkeypatch, role: str, wrong):
    """Makes the outputs of one network wrong."""
    run = runtime_openvino.OpenVinoEngine._run

    def broken(self, inputs):
        outputs = run(self, inputs)
        return {name: wrong(a) if name == role else a for name, a in outputs.items()}

    monkeypatch.setattr(runtime_openvino.OpenVinoEngine, "_run", broken)


@pytest.mark.parametrize("output", ["latent", "image"])
@pytest.mark.parametrize(
    "wrong",
    [
        lambda a: a + np.float32(0.01),
        lambda a: a[:, ::-1].copy(),
        lambda a: np.where(np.arange(a.size).reshape(a.shape) == 7, np.float32(np.nan), a),
    ],
    ids=["offset", "swapped channels", "one NaN"],
)
def test_wrong_results_are_found(monkeypatch, model, pictures, output, wrong):
    break_openvino(monkeypatch, output, wrong)
    found = verify(model, [OTHER], pictures, ONE_RATE)
    assert not found.ok and not found.rows[0].ok
    json.dumps(found.as_dict(), allow_nan=False)


def test_one_that_fails_while_it_runs_is_told_and_the_others_are_kept(
    monkeypatch, model, pictures
):
    def fail(array):
        raise ModelError("torch failed: out of memory")

    break_openvino(monkeypatch, "image", fail)
    at_hand = [Candidate("openvino", "fp32"), EXACT]
    reference = Candidate("torch", "fp32")
    pytest.importorskip("torch", reason="no torch")
    found = verify(model, at_hand, pictures, replace(ONE_RATE, reference=reference), remember=True)
    assert found.failed == {OTHER: "torch failed: out of memory"} and not found.skipped
    assert found.ok and [row.engine for row in found.rows] == ["onnxruntime"]


def with_lpips(answers) -> Comparison:
    return replace(ONE_RATE, lpips=lambda a, b: next(answers))


def test_a_change_of_lpips_alone_is_enough(model, pictures):
    answers = iter([0.2, 0.3, 0.204, 0.304])  # of the reference's pictures, then the candidate's
    found = verify(model, [OTHER], pictures, with_lpips(answers))
    (row,) = found.rows
    assert row.lpips_change == pytest.approx(0.004) and not row.ok
    answers = iter([0.2, 0.3, 0.2004, 0.3004])
    assert verify(model, [OTHER], pictures, with_lpips(answers)).ok


def test_every_term_of_a_tolerance_counts(model, pictures):
    for field in ("latent", "sample"):
        strict = {"fp32": replace(TOLERANCES["fp32"], **{field: 1e-9})}
        assert not verify(model, [OTHER], pictures, replace(ONE_RATE, tolerances=strict)).ok
    # Pictures that are equal to the last bit pass at any PSNR; with noise they differ somewhere.
    rough = {"fp32": replace(TOLERANCES["fp32"], psnr_db=200)}
    (row,) = verify(model, [OTHER], pictures, replace(ONE_RATE, tolerances=rough)).rows
    assert row.ok == (row.psnr_db is None)


def test_a_batch_is_verified_too(monkeypatch, model, pictures):
    break_openvino(monkeypatch, "image", lambda a: a + np.float32(0.1 * (len(a) > 1)))
    assert not verify(model, [OTHER], pictures, ONE_RATE).ok


@pytest.mark.parametrize("right", [True, False])
def test_only_engines_that_passed_are_remembered(monkeypatch, model, pictures, right):
    told = []
    monkeypatch.setattr(
        runtime_openvino.OpenVinoEngine, "mark_verified", lambda self, result: told.append(result)
    )
    if not right:
        break_openvino(monkeypatch, "image", lambda a: a + np.float32(0.1))
    assert verify(model, [OTHER], pictures, ONE_RATE, remember=True).ok == right
    assert len(told) == (2 if right else 0)  # encoder and generator


def test_a_reference_that_does_not_run_is_an_error(model, pictures):
    with pytest.raises(ModelError):
        verify(
            model, [OTHER], pictures, replace(ONE_RATE, reference=Candidate("onnxruntime", "int8"))
        )


def test_the_bench_times_each_beside_the_reference(model):
    found = bench([model], [OTHER, EXACT], [(64, 80)], [2], runs=4)
    assert [(row.engine, row.batch) for row in found.rows] == [("onnxruntime", 2), ("openvino", 2)]
    for row in found.rows:
        assert 0 < row.latency_ms_p50 <= row.latency_ms_p99
        assert row.encode_ms > 0 and row.decode_ms > 0
        assert row.memory_mb > 10 and row.gpu_mb == 0
        assert (row.speed == 1) == (row.engine == "onnxruntime")
        assert row.images_per_second > 1


class Capturing:
    """An engine whose first runs are slow."""

    warm_up_runs = 4

    def __init__(self):
        self.runs = 0

    def run(self, inputs):
        self.runs += 1
        time.sleep(0.02 * (self.runs <= self.warm_up_runs))


def test_the_bench_times_what_an_engine_does_once_it_is_warm(model):
    entrants = [
        benchmark._Entrant(model, OTHER, Capturing(), Capturing()),
        benchmark._Entrant(model, EXACT, *benchmark._open(model, EXACT, 1)),
    ]
    times = benchmark._race(entrants, 64, 64, 1, runs=3)
    assert [each.shape for each in times] == [(3, 2), (3, 2)]
    assert times[0].max() < 0.02
    assert entrants[0].encoder.runs == 4 + 3
    for engine in entrants[1][2:]:
        engine.close()


def test_the_bench_compares_models(model, tmp_path, monkeypatch):
    pytest.importorskip("onnx", reason="the tiny model is made with onnx")
    from tests.engines.tiny_model import write_tiny_model

    monkeypatch.setattr(benchmark, "_memory", lambda *_: (1.0, 0.0))
    tiny = load_model(write_tiny_model(tmp_path / "tiny", "tiny"))
    found = bench([tiny, model], [OTHER], [(64, 80)], runs=3)
    assert [(row.model, row.engine) for row in found.rows] == [
        ("tiny", "onnxruntime"), ("base", "onnxruntime"), ("tiny", "openvino"), ("base", "openvino")
    ]  # fmt: skip
    assert found.of == "base" and found.rows[1].speed == 1 and found.rows[0].speed > 3


def test_the_bench_skips_what_does_not_run_here(model, monkeypatch):
    monkeypatch.setattr(benchmark, "_memory", lambda *_: (1.0, 0.0))
    found = bench([model], [Candidate("onnxruntime", "bf16")], [(64, 64)], runs=1)
    assert [row.engine for row in found.rows] == ["onnxruntime"]
    assert "fp32 only" in found.skipped[Candidate("onnxruntime", "bf16")]


def test_a_bench_that_is_killed_is_one_line(model, monkeypatch):
    monkeypatch.setattr(benchmark, "_memory_here", kill)
    with pytest.raises(ModelError, match="onnxruntime fp32 at 64x64 was killed.*smaller"):
        bench([model], [], [(64, 64)], runs=1)


def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_bench_tells_the_gpus_memory_of_both_networks_once(model, monkeypatch):
    taken = iter([7_000_000, 3_000_000])  # since the encoder was opened, since the generator was
    told = property(lambda self: next(taken))
    monkeypatch.setattr(runtime_openvino.OpenVinoEngine, "device_bytes", told)
    assert benchmark._memory_here(model.folder, OTHER, 1, 64, 64, 1)[1] == 7


def test_inputs_have_the_shapes_of_the_manifest(model):
    shapes = {name: a.shape for name, a in inputs_of(model.generator, 60, 90, 2).items()}
    assert shapes == {"latent": (2, 96, 4, 6), "reliability": (2, 48, 4, 6), "condition": (2, 3)}
    assert inputs_of(model.encoder, 60, 90, 2)["image"].shape == (2, 3, 64, 96)
