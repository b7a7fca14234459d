# SPDX-License-Identifier: GPL-3.0-or-later
"""TensorRT on a real GPU; skipped, with the reason, where anything that it needs is missing."""

import threading

import numpy as np
import pytest

from percast.engines.evaluation.bench import bench
from percast.engines.evaluation.verify import Candidate, verify
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.tensorrt.package import missing
from tests.engines.runtimes.test_engine import encoder_inputs, generator_inputs

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]

CANDIDATES = [Candidate("tensorrt", precision) for precision in ("fp16", "fp32")]


@pytest.fixture(scope="module", autouse=True)
def gpu(tmp_path_factory):
    """A GPU with all that TensorRT needs, and an empty cache; or skip."""
    if lacking := [f"{what}: {fix}" for what, fix in missing()]:
        pytest.skip("; ".join(lacking))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def used_mb() -> float:
    """GPU memory in use, by anyone; only differences mean something."""
    from percast.engines.runtimes.tensorrt.cuda import Device

    device = Device()
    with device.current():
        return -device.free_bytes() / 1e6


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("size", [(4, 4), (5, 7), (32, 48), (135, 135)])
def test_it_computes_what_the_cpu_computes(model, precision, size):
    for path, inputs in (
        (model.generator.path, generator_inputs(*size)),
        (model.encoder.path, encoder_inputs(16 * size[0], 16 * size[1])),
    ):
        with (
            open_engine(path, "onnxruntime") as exact,
            open_engine(path, "tensorrt", precision) as engine,
        ):
            (expected,) = exact.run(inputs).values()
            for _ in range(3):  # the first run, the captured one, and a replay
                (found,) = engine.run(inputs).values()
                assert np.abs(found - expected).max() < (2e-3 if precision == "fp32" else 0.05)


def test_the_whole_verify_passes_and_auto_then_takes_it(model, draw):
    pictures = [draw(64, 80), draw(256, 256), draw(207, 331), draw(64, 528), draw(64, 1040)]
    found = verify(model, CANDIDATES, pictures, remember=True)
    assert not found.skipped and found.ok, [row for row in found.rows if not row.ok]
    with open_engine(model.generator.path) as engine:
        assert (engine.name, engine.precision) == ("tensorrt", "fp16")


def test_the_bench_gives_figures_for_every_size_and_batch(model, capsys):
    found = bench([model], CANDIDATES, [(256, 256), (512, 768)], [1, 4], runs=50, threads=2)
    assert len(found.rows) == 4 * (1 + len(CANDIDATES))
    with capsys.disabled():
        for row in found.rows:
            assert row.gpu_mb > 0 or row.engine != "tensorrt"
            print(row)


def test_threads_share_an_engine(model):
    with open_engine(model.generator.path, "tensorrt", "fp32") as engine:
        expected = {seed: engine.run(generator_inputs(seed=seed))["image"] for seed in range(4)}
        found = {}

        def work(seed):
            for _ in range(20):
                found[seed] = engine.run(generator_inputs(seed=seed))["image"]

        threads = [threading.Thread(target=work, args=(seed,)) for seed in expected]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for seed, image in expected.items():
            np.testing.assert_array_equal(found[seed], image)


def test_closing_gives_the_memory_back(model):
    def once():
        with open_engine(model.generator.path, "tensorrt") as engine:
            for size in ((16, 16), (32, 48), (68, 120)):
                engine.run(generator_inputs(*size))

    once()  # libraries and kernels stay
    before = used_mb()
    for _ in range(5):
        once()
    assert used_mb() - before < 20
