# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from percast.blocks.stats.level_meter import LevelMeter


def test_levels_are_those_of_a_tone_and_its_packets():
    meter = LevelMeter()
    tone = 0.1 * np.exp(0.3j * np.arange(8192)).astype(np.complex64)
    meter.push(np.concatenate([tone, np.zeros(8192, np.complex64)]))
    level = meter.total()
    assert level.mean_dbfs == pytest.approx(-23, abs=0.1)
    assert level.loudest_dbfs == pytest.approx(-20, abs=0.1)
    assert level.clipped_share == 0


def test_samples_that_are_no_numbers_count_as_silence():
    meter = LevelMeter()
    samples = np.full(4096, 0.1, np.complex64) * np.exp(0.3j * np.arange(4096)).astype(np.complex64)
    meter.push(samples)
    before = meter.total()
    samples[::64] = np.nan
    samples[4::64] = np.inf
    meter.push(samples)
    assert meter.total().mean_dbfs == pytest.approx(before.mean_dbfs, abs=1)
    assert meter.total().loudest_dbfs == pytest.approx(before.loudest_dbfs, abs=1)
