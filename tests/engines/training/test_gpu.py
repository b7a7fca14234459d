# SPDX-License-Identifier: GPL-3.0-or-later
"""Training on a real GPU; skipped, with the reason, where there is none."""

# ruff: noqa: E402 - the imports must follow importorskip
import time

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.training.data.crops import DeviceCrops, open_crops
from percast.engines.training.data.pictures import open_pictures
from percast.engines.training.distributed import Group
from percast.engines.training.records.log import Stopwatch
from percast.engines.training.replay import Replays
from percast.engines.training.trainer import Trainer
from tests.engines.training.runs import rows

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def gpu():
    if not torch.cuda.is_available():
        pytest.skip("torch finds no GPU")
    return torch.device("cuda", 0)


def test_the_pictures_lie_on_the_gpu_and_crops_are_drawn_there(gpu, images):
    crops = open_crops(open_pictures(images), "auto", 8, 64, 0, 0, gpu)
    assert isinstance(crops, DeviceCrops)
    batch = crops(3)
    assert batch.device == gpu and batch.shape == (8, 3, 64, 64)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch, crops(3)) and not torch.equal(batch, crops(4))


def test_the_stopwatch_counts_the_gpus_time_and_not_the_callers(gpu):
    matrix = torch.rand((2048, 2048), device=gpu)
    matrix @ matrix  # the first one loads libraries
    watch = Stopwatch(gpu)
    torch.cuda.synchronize()
    began = time.perf_counter()
    with watch.running():
        for _ in range(100):
            matrix @ matrix
    asked = time.perf_counter() - began
    seconds = watch.read()
    assert asked < seconds <= time.perf_counter() - began
    assert watch.read() == 0


def test_a_resumed_run_goes_on_where_it_was(resumed, with_features, gpu):
    """Nearly: a GPU adds up in another order each time."""
    settings = {"lpips_weight": 1, "texture_weight": 0.5, "precision": "fp32"}
    curves = [
        [float(row["mse"]) for row in rows(folder / "train.csv")]
        for folder in resumed(Group(0, 1, gpu), **settings)
    ]
    assert len(curves[0]) == 6 and curves[1] == pytest.approx(curves[0], rel=0.02)


def test_a_captured_step_computes_what_its_launches_do(gpu, tiny, tmp_path, with_features, caplog):
    """Through both stages; nearly, as a GPU adds up in another order each time."""
    config = tiny(steps=16, log_every=1, lpips_weight=1, texture_weight=0.5, precision="fp32")
    curves = []
    for name, captured in (("graph", True), ("launches", False)):
        trainer = Trainer(config, tmp_path / name, Group(0, 1, gpu))
        if not captured:
            trainer._replays = Replays(None, trainer._work)
        trainer.run()
        assert len(trainer._replays._captured) == captured, caplog.messages  # the last stage's
        training = rows(tmp_path / name / "train.csv")
        curves.append([float(row["mse"]) for row in training])
        waiting = [float(row["waiting_share"]) for row in training if row["waiting_share"]]
        assert waiting and all(0 <= share <= 1 for share in waiting)
    assert curves[0] == pytest.approx(curves[1], rel=0.02)
