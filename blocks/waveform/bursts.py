# SPDX-License-Identifier: GPL-3.0-or-later
"""Which OFDM symbols of a packet a burst of interference has hit, and how much noise that is."""

import numpy as np
from scipy.ndimage import median_filter

from percast.blocks.waveform import kernels

# Error power at a symbol's pilots, over that of its neighbours, that only a burst explains: noise
# alone exceeds it at the eight pilots of one symbol in 20,000.
_BURST, _BURST_WINDOW = 3.0, 15
_LOUD, _LOUD_WINDOW = 10.0, 31  # likewise of the power over that of the neighbours
# The same over all carriers of header and training, where channels that move between its middle
# and its ends reach 4.
_HEAD_BURST = 10.0
_NOISIER = 1.4  # noise over the header's, or under it, that is no chance
_ENOUGH = 100  # values of the pilots' error that tell of less noise
_MOST_LESS = 0.01  # what can be less; a signal without any noise keeps some


def blank(rows: np.ndarray, training: int) -> np.ndarray:
    """Symbols that are all burst are put to zero, so that they lead nothing astray; unless these
    were all training symbols.

    Args:
        rows: complex64 [symbols, n_occupied], the training symbols first.
        training: how many of them there are.
    """
    power = row_power(rows)
    if power.max() <= _LOUD * power.min():
        return rows
    # Of its neighbours: over the whole packet the channel may rise out of a fade.
    usual = median_filter(power, _LOUD_WINDOW, mode="constant", cval=np.median(power))
    loud = power > _LOUD * usual
    if not loud.any() or loud[:training].all():
        return rows
    return rows * ~loud[:, None]


def row_power(rows: np.ndarray) -> np.ndarray:
    """Mean power of each row, complex64 [rows, n], float32 [rows]."""
    if (fast := kernels.ready()) is not None:
        return fast.bursts.row_power(rows)
    parts = rows.view(np.float32)
    return np.einsum("ij,ij->i", parts, parts) / np.float32(rows.shape[1])


def hit(power: np.ndarray, noise: float) -> np.ndarray:
    """Which symbols a burst has hit, bool [symbols].

    Args:
        power: float [symbols], of the error at the pilots of each.
        noise: variance that it should have.
    """
    over = power > _BURST * noise
    if over.any():
        over &= power > _BURST * median_filter(power, _BURST_WINDOW, mode="mirror")
    return over


def calm_head(error: np.ndarray) -> np.ndarray:
    """Which symbols of training and header no burst has hit, bool [symbols].

    Args:
        error: complex64 [symbols, n_occupied], what an estimate of the channel left over.
    """
    power = row_power(error)
    return power <= _HEAD_BURST * np.sort(power)[len(power) // 2]


def payload_noise(
    pilot_error: np.ndarray, noise: float, window: int = 16
) -> tuple[np.ndarray, float]:
    """Noise variance of every payload symbol, float [symbols]; and what it is where none has more.

    The header's noise, unless the pilots show clearly more: the channel has moved since, or
    somebody interfered. Bursts hit single symbols; all else is averaged over `window` of them. Or
    all together show clearly less: a header that is sent stronger has more of what grows with the
    signal (its image, other carriers), and in a long one the channel moves.

    Args:
        pilot_error: complex64 [symbols, n_pilots].
        noise: variance in the payload of the noise in the header, were none of it the signal's.
    """
    power = row_power(pilot_error)
    burst = hit(power, noise)
    if (~burst).sum() * pilot_error.shape[1] >= _ENOUGH:
        seen = float(power[~burst].mean())
        if seen * _NOISIER < noise:
            noise = max(seen, _MOST_LESS * noise)
    weights = np.ones(min(window, len(power)))
    count = np.convolve(~burst, weights, "same")
    local = np.convolve(np.where(burst, 0, power), weights, "same") / np.maximum(count, 1)
    return np.where(burst, power, np.where(local > _NOISIER * noise, local, noise)), noise
