# SPDX-License-Identifier: GPL-3.0-or-later
import math
import weakref

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
    assert scorer(rgb, {"id": 0})["psnr_db"] is None and scorer.unscored == 0
    assert scorer(rgb + 1, {"id": 1}) == {
        "name": "one", "psnr_db": pytest.approx(48.13, abs=0.01), "ms_ssim": None, "lpips": None,
    }  # fmt: skip


def test_hundreds_of_small_pictures_may_be_on_their_way():
    scorer = Scorer(("psnr",))
    originals = np.random.default_rng(0).integers(0, 255, (2000, 64, 64, 3), np.uint8)
    for i, rgb in enumerate(originals):
        scorer.remember(i, f"{i}", rgb)
    for i in range(0, 2000, 100):  # the rest is lost
        figures = scorer(originals[i] + 1, {"id": i})
        assert (figures["name"], figures["psnr_db"]) == (f"{i}", pytest.approx(48.13, abs=0.01))
    assert scorer.unscored == 0


def test_originals_are_forgotten_once_a_later_picture_has_arrived():
    scorer = Scorer(())
    kept = []
    for i in range(10):
        rgb = np.zeros((64, 64, 3), np.uint8)
        kept.append(weakref.ref(rgb))
        scorer.remember(i, "", rgb)
        del rgb
    scorer(np.zeros((64, 64, 3), np.uint8), {"id": 7})
    assert [i for i, rgb in enumerate(kept) if rgb() is not None] == [8, 9]


@pytest.mark.parametrize(("side", "most"), [(1024, 85), (4096, 16)])
def test_where_nothing_arrives_originals_do_not_pile_up(caplog, side, most):
    """Who then comes after all has no figures, and that is told once and counted."""
    scorer = Scorer(("psnr",))
    kept = []
    for i in range(100):
        rgb = np.zeros((side, side, 3), np.uint8)  # of pages that nobody touches
        kept.append(weakref.ref(rgb))
        scorer.remember(i, f"{i}", rgb)
        del rgb
    assert sum(rgb() is not None for rgb in kept) == most
    small = np.zeros((64, 64, 3), np.uint8)
    for i in range(2):
        assert scorer(small, {"id": i})["psnr_db"] is None
    assert scorer.unscored == 2 and len(caplog.messages) == 1
    assert scorer(small, {"id": 99})["name"] == "99"
    assert (scorer.unscored, scorer.mismatched) == (2, 1)


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
