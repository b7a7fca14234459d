# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from scipy.special import j0

from percast.blocks.channel.sinusoids import (
    GainGrid,
    line_of_sight_wave,
    path_gains,
    rayleigh_waves,
)

DOPPLER = 50.0


@pytest.fixture(scope="module")
def ensemble():
    """Gains of 4,000 unit paths at lags of 0 to 1.2 Doppler periods: lags, [lags, paths]."""
    waves = rayleigh_waves(np.ones(4000), DOPPLER, np.random.default_rng(1))
    lags = np.linspace(0, 1.2, 9) / DOPPLER
    return lags, path_gains(waves, lags)


def test_gains_decorrelate_as_the_bessel_function_of_clarke(ensemble):
    lags, gains = ensemble
    correlation = np.mean(gains * np.conj(gains[0]), axis=1)
    assert np.max(np.abs(correlation - j0(2 * np.pi * DOPPLER * lags))) < 0.05


def test_gains_are_rayleigh_of_unit_power_deep_fades_included(ensemble):
    power = np.abs(ensemble[1].reshape(-1)) ** 2
    assert np.mean(power) == pytest.approx(1, abs=0.03)
    for level in (0.03, 0.1, 1, 3):
        assert np.mean(power < level) == pytest.approx(1 - np.exp(-level), abs=0.015)
    assert np.mean(power > 6) == pytest.approx(np.exp(-6), rel=0.2)


def test_the_line_of_sight_turns_at_seven_tenths_of_the_doppler():
    wave = line_of_sight_wave(0.5, DOPPLER, np.random.default_rng(1))
    gains = path_gains(wave, np.array([0, 1 / (0.7 * DOPPLER) / 4]))[:, 0]
    assert np.abs(gains) == pytest.approx(np.sqrt(0.5))
    assert gains[1] / gains[0] == pytest.approx(1j)


def test_the_grid_stays_in_phase_after_days():
    waves = rayleigh_waves(np.array([0.7, 0.3]), DOPPLER, np.random.default_rng(1))
    grid = GainGrid(waves, 1e-3)
    first = 3 * 86400 * 1000
    exact = path_gains(waves, (first + np.arange(200)) * 1e-3)
    assert np.max(np.abs(grid.gains(first, 200) - exact)) < 1e-5
