# SPDX-License-Identifier: GPL-3.0-or-later
"""What the receiver makes of a latent, in plain numpy."""

import numpy as np
import pytest

from percast.engines.codecs.latent import WINDOW, from_word, to_symbols, to_word, weigh, wiener_gain

SHAPE = (4, 40, 40)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def draw(rng, power=1.0, shape=SHAPE):
    """Values with the power of complex symbols."""
    return (rng.standard_normal(shape) * np.sqrt(power / 2)).astype(np.float32)


def trust(noise_var):
    """Of symbols that all have that noise variance."""
    return np.full((SHAPE[0] // 2, *SHAPE[1:]), 1 / (1 + noise_var), np.float32)


def error(a, b):
    return np.mean((a - b) ** 2, axis=(1, 2))


def test_power_is_taken_from_the_surroundings(rng):
    """Beside a tree a sky keeps a tenth of its noise: no gain of a whole channel could do that."""
    sent = draw(rng)
    sent[:, :, 20:] *= 0.05
    received = sent + draw(rng, 0.5)
    one_gain = (received * sent).mean((1, 2)) / (received**2).mean((1, 2))
    found = wiener_gain(received, trust(0.5)) * received
    usual = one_gain[:, None, None] * received
    assert (error(found, sent) < 0.8 * error(usual, sent)).all()
    sky = np.s_[:, :, 20 + WINDOW :]
    assert (error(found[sky], sent[sky]) < 0.1 * error(received[sky], sent[sky])).all()
    tree = np.s_[:, :, : 20 - WINDOW]
    assert error(found[tree], sent[tree]).mean() < 1.05 * 0.5 / 1.5 / 2  # 5% above Wiener's own


def test_what_is_certain_stays_as_it_is(rng):
    np.testing.assert_allclose(wiener_gain(draw(rng), trust(0)), 1, rtol=1e-6)


def test_noisy_neighbours_tell_little(rng):
    """Half of the symbols have faded by 20 dB: the rest is scaled as if they were not there."""
    sent, faded = draw(rng, 4), rng.random((2, *SHAPE[1:])) < 0.5
    noise_var = np.where(faded, np.float32(10), np.float32(0.1))
    received = sent + draw(rng, noise_var.repeat(2, axis=0))
    gain = wiener_gain(received, 1 / (1 + noise_var))
    good = ~faded.repeat(2, axis=0)
    assert gain[good].mean() == pytest.approx(4 / 4.1, abs=0.03)
    assert gain[~good].mean() == pytest.approx(4 / 14, abs=0.06)


def test_where_nothing_arrived_nothing_is_certain(rng):
    gone, received = trust(0.1), draw(rng)
    hole = np.s_[:, 10:30, 10:30]
    gone[hole] = received[hole] = 0
    gain = wiener_gain(received, gone)
    assert np.isfinite(gain).all() and not gain[hole].any()
    assert gain.mean() > 0.7 * 0.75
    assert not wiener_gain(0 * received, 0 * gone).any()


def test_a_window_at_the_border_counts_what_is_inside():
    received = np.full(SHAPE, 1, np.float32)
    gain = wiener_gain(received, trust(0.5))
    np.testing.assert_allclose(gain, (2 - 0.5) / 2, rtol=1e-5)


@pytest.mark.parametrize("level", [1e-3, 0.3, 1, 40])
def test_the_level_travels_in_the_header(rng, level):
    sent = draw(rng) * np.float32(level)
    symbols, found = to_symbols(sent)
    assert np.mean(np.abs(symbols) ** 2) == pytest.approx(1, rel=1e-4)
    channels, told = from_word(to_word(len(sent), found))
    assert channels == len(sent)
    assert 20 * np.log10(told / found) == pytest.approx(0, abs=0.5 / 256)
    np.testing.assert_allclose(symbols.reshape(2, 40, 40).real * told, sent[::2], rtol=1e-3)


def test_a_symbol_beyond_belief_counts_as_lost():
    """Noise and pictures have unit power: nothing else would be left of its surroundings."""
    symbols = np.ones(6, np.complex64)
    symbols[1:] = 1e5, 1e25j, np.nan, np.inf, -1e38 - 1e38j
    found, reliability, snr_db = weigh(symbols, np.full(6, 0.1, np.float32), (-1, 19))
    assert found.tolist() == [1, 0, 0, 0, 0, 0]
    assert reliability.tolist() == pytest.approx([1 / 1.1, 0, 0, 0, 0, 0])
    assert snr_db == pytest.approx(10)
