# SPDX-License-Identifier: GPL-3.0-or-later
from fractions import Fraction

import numpy as np
import pytest

from percast.blocks.channel.clock import ClockOffset, read_positions


def tone_error_db(frequency, ppm, count=120_000):
    x = np.exp(2j * np.pi * frequency * np.arange(count)).astype(np.complex64)
    clock = ClockOffset(ppm)
    y = clock.process(x)
    m = np.arange(len(y))
    exact = np.exp(2j * np.pi * frequency * (m * (1 + ppm * 1e-6) - clock.delay))
    return 10 * np.log10(np.mean(np.abs(y - exact)[50:] ** 2))


@pytest.mark.parametrize("ppm", [-200, -20, 1.5, 20, 200])
@pytest.mark.parametrize("frequency", [-0.42, 0.39, 0.42])
def test_the_clock_offset_is_exact_at_the_band_edge(frequency, ppm):
    assert tone_error_db(frequency, ppm) < -60


@pytest.mark.parametrize("frequency", [0.0, 0.1, -0.3])
def test_the_clock_offset_is_exact_within_the_band(frequency):
    assert tone_error_db(frequency, 37.5) < -65


@pytest.mark.parametrize("ppm", [-200, -0.1, 20, 123.456])
def test_the_clock_does_not_drift_in_a_thousand_million_samples(ppm):
    outputs = 10**9 + np.arange(0, 50_000, 997)
    whole, fraction = read_positions(outputs, ppm)
    assert np.all((fraction >= 0) & (fraction < 1))
    for n, i, part in zip(outputs, whole, fraction, strict=True):
        exact = int(n) * (1 + Fraction(ppm) / 10**6)
        assert abs(float(int(i) + Fraction(float(part)) - exact)) < 1e-9


@pytest.mark.parametrize("ppm", [-200, 200])
def test_the_output_shortens_by_the_clock_offset(ppm):
    clock = ClockOffset(ppm)
    count = sum(len(clock.process(np.zeros(50_000, np.complex64))) for _ in range(20))
    assert count == pytest.approx(1e6 / (1 + ppm * 1e-6), abs=1.01)


@pytest.mark.parametrize("ppm", [-150, 0, 150])
def test_equal_or_not_clocks_give_every_sample_once(ppm):
    # A repeated or skipped sample would be a step in the phase of a tone.
    tone = np.exp(2j * np.pi * 0.1 * np.arange(60_000)).astype(np.complex64)
    y = ClockOffset(ppm).process(tone)[50:]
    steps = np.angle(y[1:] * np.conj(y[:-1])) / (2 * np.pi * 0.1)
    assert np.max(np.abs(steps - 1)) < 1e-3
