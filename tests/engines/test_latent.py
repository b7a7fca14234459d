# SPDX-License-Identifier: GPL-3.0-or-later
"""What the receiver makes of a latent, in plain numpy."""

import numpy as np
import pytest

from percast.engines.latent import WINDOW, from_word, to_symbols, to_word, wiener_gain

SHAPE = (4, 40, 40)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def draw(rng, power=1.0, shape=SHAPE):
    """Values with the power of complex symbols."""
    return (rng.standard_normal(shape) * np.sqrt(power / 2)).astype(np.float32)


def trust(noise_var, shape=SHAPE):
    return np.full(shape, 1 / (1 + noise_var), np.float32)


def error(a, b):
    return np.mean((a - b) ** 2, axis=(1, 2))


def test_power_is_taken_from_the_surroundings(rng):
    """Beside a tree a sky keeps a tenth of its noise: no gain of a whole channel could do that."""
    sent = draw(rng)
    sent[:, :, 20:] *= 0.05
    received = sent + draw(rng, 0.5)
    one_gain = (received * sent).mean((1, 2)) / (received**2).mean((1, 2))
    found = wiener_gain(received, trust(0.5), 1.0) * received
    usual = one_gain[:, None, None] * received
    assert (error(found, sent) < 0.8 * error(usual, sent)).all()
    sky = np.s_[:, :, 20 + WINDOW :]
    assert (error(found[sky], sent[sky]) < 0.1 * error(received[sky], sent[sky])).all()
    tree = np.s_[:, :, : 20 - WINDOW]
    assert error(found[tree], sent[tree]).mean() < 1.05 * 0.5 / 1.5 / 2  # 5% above Wiener's own


@pytest.mark.parametrize("level", [0.01, 1, 30])
def test_the_gain_knows_the_level(rng, level):
    received = draw(rng) + draw(rng, 0.5)
    expected = wiener_gain(received, trust(0.5), 1.0)
    found = wiener_gain(received * np.float32(level), trust(0.5), level)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_what_is_certain_stays_as_it_is(rng):
    np.testing.assert_allclose(wiener_gain(draw(rng), trust(0), 1.0), 1, rtol=1e-6)


def test_noisy_neighbours_tell_little(rng):
    """Half of the symbols have faded by 20 dB: the rest is scaled as if they were not there."""
    sent, noise_var = draw(rng, 4), np.full(SHAPE, 0.1, np.float32)
    noise_var[rng.random(SHAPE) < 0.5] = 10
    received = sent + draw(rng, noise_var)
    gain = wiener_gain(received, 1 / (1 + noise_var), 1.0)
    good = noise_var < 1
    assert gain[good].mean() == pytest.approx(4 / 4.1, abs=0.03)
    assert gain[~good].mean() == pytest.approx(4 / 14, abs=0.06)


def test_where_nothing_arrived_nothing_is_certain(rng):
    gone, received = trust(0.1), draw(rng)
    gone[:, 10:30, 10:30] = 0
    received[gone == 0] = 0
    gain = wiener_gain(received, gone, 1.0)
    assert np.isfinite(gain).all()
    assert not gain[gone == 0].any() and gain[gone > 0].mean() > 0.7
    assert not wiener_gain(0 * received, 0 * gone, 1.0).any()


def test_a_window_at_the_border_counts_what_is_inside():
    received = np.full(SHAPE, 1, np.float32)
    gain = wiener_gain(received, trust(0.5), 1.0)
    np.testing.assert_allclose(gain, (2 - 0.5) / 2, rtol=1e-5)


@pytest.mark.parametrize("level", [1e-5, 0.3, 1, 40])
def test_the_level_travels_in_the_header(rng, level):
    sent = draw(rng) * np.float32(level)
    symbols, found = to_symbols(sent)
    assert np.mean(np.abs(symbols) ** 2) == pytest.approx(1, rel=1e-4)
    channels, told = from_word(to_word(len(sent), found))
    assert channels == len(sent)
    assert 20 * np.log10(told / found) == pytest.approx(0, abs=0.5 / 256)
    np.testing.assert_allclose(symbols.reshape(2, 40, 40).real * told, sent[::2], rtol=1e-3)
