# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from percast.blocks.channel.fading import BlockRayleigh, MultipathFading
from percast.blocks.channel.sinusoids import path_gains
from percast.blocks.channel.tdl_tables import PROFILES

SAMP_RATE = 2e6


def tone(frequency, count):
    return np.exp(2j * np.pi * frequency * np.arange(count)).astype(np.complex64)


def error_db(got, wanted):
    return 10 * np.log10(np.mean(np.abs(got - wanted) ** 2) / np.mean(np.abs(wanted) ** 2))


@pytest.mark.parametrize("name", PROFILES)
def test_every_multipath_model_has_a_mean_power_of_one(name):
    rng = np.random.default_rng(0)
    x = np.fft.ifft(np.fft.fft(rng.standard_normal(1 << 17)) * _band(1 << 17)).astype(np.complex64)
    powers = []
    for seed in range(6):
        fading = MultipathFading(PROFILES[name], 300e-9, 4000, SAMP_RATE, seed)
        powers.append(np.mean(np.abs(fading.process(x)) ** 2) / np.mean(np.abs(x) ** 2))
        assert np.sum(fading.waves.amplitude**2) == pytest.approx(1, abs=1e-9)
    assert np.mean(powers) == pytest.approx(1, abs=0.03)


def _band(n):
    return np.abs(np.fft.fftfreq(n)) < 0.4


@pytest.mark.parametrize("frequency", [-0.4, 0.03, 0.39])
@pytest.mark.parametrize("doppler", [0, 10, 300, 3000])
def test_a_tone_sees_each_path_at_its_delay_and_its_gain_of_the_moment(frequency, doppler):
    fading = MultipathFading(PROFILES["tdl-c"], 300e-9, doppler, SAMP_RATE, 3)
    y = fading.process(tone(frequency, 5_000))
    m = np.arange(100, 5_000)
    phases = np.exp(2j * np.pi * frequency * (m[:, None] - fading.delay - fading.path_delays))
    exact = np.sum(path_gains(fading.waves, m / SAMP_RATE) * phases, axis=1)
    # The reference is the path powers, not this realisation, which may be in a fade.
    assert 10 * np.log10(np.mean(np.abs(y[100:] - exact) ** 2)) < -55


@pytest.mark.parametrize("spread, samp_rate", [(0, 2e6), (300e-9, 2e6), (1e-6, 20e6)])
def test_the_frequency_response_is_what_a_tone_of_each_bin_met(spread, samp_rate):
    # 1 us at 20 Msps reaches beyond the 256 samples of the FFT.
    fading = MultipathFading(PROFILES["tdl-e"], spread, 0, samp_rate, 5)
    response = fading.frequency_response(256, 0)
    for k in (-100, -1, 0, 37, 100):
        x = tone(k / 256, 1500)
        assert abs(fading.process(x)[-1] / x[-1] - response[k]) < 1e-3


def test_without_doppler_the_channel_never_changes():
    fading = MultipathFading(PROFILES["tdl-a"], 300e-9, 0, SAMP_RATE, 5)
    assert np.array_equal(fading.taps_at(0), fading.taps_at(10**9))


def test_the_longest_path_is_known_in_seconds():
    fading = MultipathFading(PROFILES["tdl-c"], 185e-9, 10, SAMP_RATE)
    assert fading.max_delay == pytest.approx(1.6e-6, rel=0.01)


def test_a_rayleigh_gain_is_constant_for_a_block_and_then_a_new_one():
    fading = BlockRayleigh(SAMP_RATE, coherence=1e-3, seed=4)
    y = fading.process(np.ones(7000, np.complex64)).reshape(-1, 1000)
    assert np.array_equal(y[::2, :1] * np.ones((4, 1000)), y[::2])
    assert len(np.unique(y)) == 4
    assert fading.frequency_response(8, 6999) == pytest.approx(y[-1, -1])
    assert fading.frequency_response(8, 0) == pytest.approx(y[0, 0])


def test_rayleigh_gains_have_a_mean_power_of_one_and_are_independent():
    fading = BlockRayleigh(SAMP_RATE, coherence=10e-3, seed=4)
    gains = np.array([fading.gain(block) for block in range(40_000)])
    assert np.mean(np.abs(gains) ** 2) == pytest.approx(1, abs=0.02)
    assert abs(np.mean(gains)) < 0.02
    assert abs(np.mean(gains[1:] * np.conj(gains[:-1]))) < 0.02


def test_an_infinite_coherence_is_one_gain_for_ever():
    fading = BlockRayleigh(SAMP_RATE, coherence=np.inf, seed=4)
    y = fading.process(np.ones(10_000, np.complex64))
    assert np.all(y == y[0])
    assert fading.frequency_response(1, 10**12)[0] == pytest.approx(y[0])
