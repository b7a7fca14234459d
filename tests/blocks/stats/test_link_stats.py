# SPDX-License-Identifier: GPL-3.0-or-later
import math

import numpy as np
import pytest

from percast.blocks.stats.link_stats import LinkStats
from percast.blocks.stats.scoring import Scorer


def record(i: int, **figures) -> dict:
    return {"read_at": 100.0 + i, "decoded_at": 100.05 + i, "snr_db": 10.0, "evm_db": -10.0, **figures}


def test_nothing_received_gives_null_not_zero():
    stats = LinkStats()
    assert stats.mean("psnr_db") is None and stats.mean_db("snr_db") is None
    assert stats.frames_per_second() is None
    assert stats.latency_ms() == {"p50": None, "p99": None}


def test_means_leave_out_what_is_missing_and_db_are_averaged_as_powers():
    stats = LinkStats()
    for i, psnr in enumerate((20.0, None, 30.0, math.inf)):
        stats.add(record(i, psnr_db=psnr, cbr=1 / 48))
    stats.add(record(4, psnr_db=25.0) | {"snr_db": 20.0})
    assert stats.mean("psnr_db") == 25.0
    assert stats.mean_db("snr_db") == pytest.approx(10 * math.log10((4 * 10 + 100) / 5))
    assert stats.latency_ms()["p50"] == pytest.approx(50, abs=0.1)
    assert stats.frames_per_second() == pytest.approx(5 / 4.05)


def test_a_picture_without_its_original_has_no_figures():
    scorer = Scorer(("psnr",))
    rgb = np.zeros((64, 64, 3), np.uint8)
    scorer.remember(1, "one", rgb)
    assert scorer(rgb, {"id": 2})["psnr_db"] is None
    assert scorer(rgb + 1, {"id": 1}) == {
        "name": "one", "psnr_db": pytest.approx(48.13, abs=0.01), "ms_ssim": None, "lpips": None,
    }  # fmt: skip


def test_originals_do_not_pile_up():
    scorer = Scorer(("psnr",))
    rgb = np.zeros((64, 64, 3), np.uint8)
    for i in range(1000):
        scorer.remember(i, "", rgb)
    assert scorer(rgb, {"id": 0})["psnr_db"] is None
    assert scorer(rgb + 1, {"id": 999})["psnr_db"] is not None
