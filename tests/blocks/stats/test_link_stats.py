# SPDX-License-Identifier: GPL-3.0-or-later
import math

import numpy as np
import pytest

from percast.blocks.stats.link_stats import LinkStats
from percast.blocks.stats.scoring import Scorer


def record(i: int, **figures) -> dict:
    times = {"read_at": 100.0 + i, "decoded_at": 100.05 + i}
    return {**times, "snr_db": 10.0, "evm_db": -10.0, **figures}


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


def test_without_the_senders_clock_there_is_no_latency_and_still_a_rate():
    stats = LinkStats()
    stats.add(record(0) | {"read_at": 5e9, "clocks_agree": False})
    assert stats.frames_per_second() is None
    for i in range(1, 5):
        stats.add(record(2 * i) | {"read_at": 0.0, "clocks_agree": False})
    assert stats.latency_ms() == {"p50": None, "p99": None}
    assert stats.frames_per_second() == pytest.approx(0.5)


def test_the_bandwidth_ratio_is_all_symbols_over_all_samples():
    stats = LinkStats()
    assert stats.cbr() is None
    stats.add(record(0, cbr=1 / 96, width=768, height=512))
    stats.add(record(1, cbr=1 / 24, width=64, height=64))
    samples = 3 * 768 * 512, 3 * 64 * 64
    assert stats.cbr() == pytest.approx((samples[0] / 96 + samples[1] / 24) / sum(samples))


def test_a_picture_of_another_size_than_its_original_is_counted_and_told_once(caplog):
    scorer = Scorer(("psnr",))
    scorer.compare_with([("big.png", np.zeros((128, 96, 3), np.uint8))])
    for i in range(3):
        assert scorer(np.zeros((64, 48, 3), np.uint8), {"id": i})["psnr_db"] is None
    assert scorer(np.ones((128, 96, 3), np.uint8), {"id": 3})["psnr_db"] is not None
    assert scorer.mismatched == 3
    (line,) = caplog.messages
    assert "big.png is 96x128" in line and "48x64" in line and "--size" in line


def test_where_no_figures_are_asked_for_no_size_is_wrong(caplog):
    scorer = Scorer(())
    scorer.compare_with([("big.png", np.zeros((128, 128, 3), np.uint8))])
    scorer(np.zeros((64, 64, 3), np.uint8), {"id": 0})
    assert scorer.mismatched == 0 and not caplog.messages
