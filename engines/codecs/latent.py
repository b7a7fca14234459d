# SPDX-License-Identifier: GPL-3.0-or-later
"""A latent on its way over the air: unit power, level, and what the receiver makes of it.

Symbols travel with unit mean power. The level that the latent had before is what tells a dim
picture from a bright one, so it travels in the header's codec word: bits 0 to 7 are the number of
channels, bits 8 to 23 the level in 1/256 dB, 0 dB being 2^15 (SoftCast sends its scaling factors as
such metadata too: Jakubczak and Katabi, MobiCom 2011).

Power is not spread evenly: a sky sends next to nothing, a tree much. The receiver therefore scales
each value by the Wiener gain of the power around it (Lee, "Digital image enhancement and noise
filtering by use of local statistics", IEEE TPAMI 1980).

`percast.engines.training.channel` computes the same with torch, and a test compares them.
"""

from math import isfinite, log10

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from percast.engines.codecs.contract import NoiseVariance, Symbols
from percast.errors import ModelError

WINDOW = 5
"""Positions, both ways, over which the power of a channel is estimated. More are fewer of its kind,
fewer are too few to tell power from noise."""

LEAST_POWER = 1e-8
"""Of a latent, for its level."""

_LEAST = 1e-12  # of a denominator: no noise, and nothing sent
_LOUDEST = 1e4  # magnitude of a symbol; unit mean power allows no such thing
_LEVEL_STEPS, _LEVEL_ZERO = 256, 1 << 15  # per dB, at 0 dB


def to_symbols(latent: npt.NDArray[np.float32]) -> tuple[Symbols, float]:
    """A latent's channels as symbols.

    Args:
        latent: float32 [c, h, w]; channels 2i and 2i+1 are real and imaginary part of plane i.

    Returns:
        complex64 [c/2 * h * w] of unit mean power; and the level, the root of the mean power that
        they had.

    Raises:
        ModelError: the latent is not finite.
    """
    symbols = np.empty((len(latent) // 2, *latent.shape[1:]), np.complex64)
    symbols.real, symbols.imag = latent[0::2], latent[1::2]
    power = float(np.mean(np.square(latent, dtype=np.float64)) * 2)  # of complex symbols
    if not isfinite(power):
        raise ModelError("the encoder computes what is no number: run percast engine verify")
    level = max(power, LEAST_POWER) ** 0.5
    symbols *= np.float32(1 / level)
    return symbols.reshape(-1), level


def to_word(channels: int, level: float) -> int:
    """The header's codec word; levels beyond -128 to 128 dB are clipped."""
    steps = round(20 * log10(level) * _LEVEL_STEPS) + _LEVEL_ZERO
    return channels | min(max(steps, 0), 2 * _LEVEL_ZERO - 1) << 8


def from_word(word: int) -> tuple[int, float]:
    """Latent channels, and level. Bits that mean nothing yet make the channels too many."""
    steps = (word >> 8) % (2 * _LEVEL_ZERO)
    level = 10 ** ((steps - _LEVEL_ZERO) / _LEVEL_STEPS / 20)
    return (word & 0xFF) | (word >> 24 << 8), level


def wiener_gain(
    values: npt.NDArray[np.float32], trust: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Wiener's gain p / (p + noise) of each value, p being the power of its surroundings.

    That is the mean square less the noise over a window, each value counting with the square of
    its reliability, as noisy ones tell little; 0 where the noise is all there is.

    Args:
        values: real and imaginary parts of symbols of unit mean power, float32 [c, h, w], 0 where
            nothing arrived.
        trust: reliability 1 / (1 + noise_var) of the symbols, float32 [c/2, h, w].

    Returns:
        float32 [c, h, w] in 0..1.
    """
    pairs, trust = values.reshape(-1, 2, *values.shape[1:]), trust[:, None]
    noise = 1 - trust  # noise_var times the reliability
    power = np.maximum(_mean(2 * np.square(pairs * trust) - noise * trust), 0)
    signal = power * trust
    gain = signal / np.maximum(signal + _mean(np.square(trust)) * noise, np.float32(_LEAST))
    return gain.reshape(values.shape)


def _mean(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Over the window, with zeros beyond the border; [..., h, w]."""
    return uniform_filter(values, (1, 1, WINDOW, WINDOW), mode="constant")


def weigh(
    symbols: Symbols, noise_var: NoiseVariance, trained_db: tuple[float, float]
) -> tuple[Symbols, npt.NDArray[np.float32], float]:
    """What the generator must know of the channel.

    Returns:
        The symbols with zeros where nothing usable arrived; their reliability snr / (1 + snr) =
        1 / (1 + noise_var); and the mean SNR of those that arrived in dB, within the range of the
        training.
    """
    noise_var = np.asarray(noise_var, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number fails the comparison
        plausible = np.abs(symbols) <= _LOUDEST
    arrived = plausible & np.isfinite(noise_var) & (noise_var >= 0)
    symbols = np.where(arrived, symbols, np.complex64(0))
    noise = np.where(arrived, noise_var, np.float32(np.inf))
    low, high = trained_db
    if not arrived.any():
        return symbols, np.zeros(len(symbols), np.float32), low
    with np.errstate(divide="ignore"):  # no noise at all is an infinite SNR
        mean_snr = float(np.mean(1 / noise[arrived].astype(np.float64)))
    snr_db = 10 * log10(mean_snr) if mean_snr > 0 else low
    return symbols, 1 / (1 + noise), min(max(snr_db, low), high)
