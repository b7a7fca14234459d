# SPDX-License-Identifier: GPL-3.0-or-later
from fractions import Fraction

import numpy as np
import pytest

from percast.blocks.channel.impairments import (
    CarrierOffset,
    PhaseNoise,
    adc_full_scale,
    complex_noise,
    iq_imbalance,
    quantise,
    saturate,
)


@pytest.mark.parametrize("cycles", [0.048, -1e-7, 0.3333333])
def test_the_carrier_phase_is_exact_after_a_thousand_million_samples(cycles):
    first, count = 10**9 - 5000, 10_000
    phasors = CarrierOffset(cycles).phasors(first, count)
    turns = [float((first + n) * Fraction(cycles) % 1) for n in range(count)]
    assert np.max(np.abs(phasors - np.exp(2j * np.pi * np.array(turns)))) < 1e-6


def test_the_carrier_is_continuous_from_call_to_call():
    carrier = CarrierOffset(0.01)
    parts = [carrier.process(np.ones(n, np.complex64)) for n in (1, 0, 9000, 4095)]
    exact = np.exp(2j * np.pi * 0.01 * np.arange(13_096))
    assert np.max(np.abs(np.concatenate(parts) - exact)) < 1e-5


def test_the_phase_wanders_with_the_variance_of_its_linewidth():
    oscillator = PhaseNoise(200.0, 1e6, np.random.default_rng(2))
    phase = np.unwrap(np.angle(oscillator.process(np.ones(1_000_000, np.complex64))))
    for lag in (1, 100):
        steps = phase[lag:] - phase[:-lag]
        assert np.var(steps) == pytest.approx(2 * np.pi * 200 / 1e6 * lag, rel=0.05)


def test_phase_noise_keeps_the_amplitude():
    oscillator = PhaseNoise(1e4, 1e6, np.random.default_rng(2))
    y = np.concatenate([oscillator.process(np.ones(n, np.complex64)) for n in (70_000, 0, 30_000)])
    assert np.abs(y) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("gain_db, phase_deg", [(1.0, 0.0), (0.0, 3.0), (-0.5, 2.0)])
def test_the_image_lies_at_the_rejection_ratio_of_the_formula(gain_db, phase_deg):
    n = 1000
    x = np.exp(2j * np.pi * 0.1 * np.arange(n)).astype(np.complex64)
    spectrum = np.abs(np.fft.fft(iq_imbalance(x, gain_db, phase_deg)))
    measured = 20 * np.log10(spectrum[100] / spectrum[-100])
    g, phi = 10 ** (gain_db / 20), np.radians(phase_deg)
    closed = (1 + 2 * g * np.cos(phi) + g * g) / (1 - 2 * g * np.cos(phi) + g * g)
    assert measured == pytest.approx(10 * np.log10(closed), abs=0.01)


def test_a_perfect_mixer_changes_nothing():
    x = complex_noise(np.random.default_rng(0), 100, 1.0)
    assert np.array_equal(iq_imbalance(x, 0.0, 0.0), x)


def test_noise_is_circular_and_has_its_power():
    noise = complex_noise(np.random.default_rng(0), 400_000, 0.25)
    assert noise.dtype == np.complex64
    assert np.mean(np.abs(noise) ** 2) == pytest.approx(0.25, rel=0.01)
    assert abs(np.mean(noise**2)) < 0.25 * 0.01


def test_a_senders_converter_clips_each_rail_at_one_and_leaves_the_rest_alone():
    x = np.array([0.9 - 1j, 0.5j, -3 + 0.25j, 1 - 8j], np.complex64)
    y, beyond = saturate(x)
    assert np.array_equal(y, np.array([0.9 - 1j, 0.5j, -1 + 0.25j, 1 - 1j], np.complex64))
    assert beyond == 2 / 8
    same, beyond = saturate(x[:2])
    assert np.shares_memory(same, x) and beyond == 0


def test_eight_bits_are_the_grid_of_int8():
    x = (np.linspace(-3, 3, 5001) - 1j * np.linspace(-1, 1, 5001)).astype(np.complex64)
    codes = quantise(x, 8, 1.0) * 128
    for rail, exact in ((codes.real, x.real), (codes.imag, x.imag)):
        assert np.array_equal(rail, np.clip(np.rint(exact * 128), -128, 127))


def test_the_converter_saturates_and_keeps_its_mid_level():
    y = quantise(np.array([1e9 - 1e9j, 0, 1e-3 - 1e-3j], np.complex64), 4, 2.0)
    assert np.array_equal(y, np.array([1.75 - 2j, 0, 0], np.complex64))


def test_quantisation_noise_is_a_twelfth_of_a_squared_step_a_rail():
    x = complex_noise(np.random.default_rng(0), 200_000, 1.0)
    full_scale = adc_full_scale(1.0, 12.0)
    error = quantise(x, 8, full_scale) - x
    step = full_scale / 128
    assert np.mean(np.abs(error) ** 2) == pytest.approx(step**2 / 6, rel=0.02)
    assert full_scale == pytest.approx(3.981, abs=0.001)
