# SPDX-License-Identifier: GPL-3.0-or-later
"""Carriers to samples, and to the bins of a transform and back."""

import numpy as np
from scipy import fft

from percast.blocks.waveform.profile import Profile


def to_samples(profile: Profile, carriers: np.ndarray, cp_len: int = 0) -> np.ndarray:
    """OFDM modulation with a cyclic prefix.

    Args:
        carriers: complex [symbols, n_occupied]; mean power 1 gives samples of mean power 1.
        cp_len: samples of cyclic prefix.

    Returns:
        complex64 [symbols, cp_len + fft_size].
    """
    n = profile.fft_size
    time = fft.ifft(spread(carriers, n), axis=1, overwrite_x=True)
    out = np.empty((len(carriers), cp_len + n), np.complex64)
    scale = np.float32(n / np.sqrt(len(profile.occupied)))
    np.multiply(time, scale, out=out[:, cp_len:])
    out[:, :cp_len] = out[:, n:]
    return out


def spread(carriers: np.ndarray, bins: int) -> np.ndarray:
    """Occupied carriers, which lie without a gap about DC, to the bins of a transform, complex64
    [symbols, n_occupied] to [symbols, bins]."""
    half = carriers.shape[1] // 2
    grid = np.zeros((len(carriers), bins), np.complex64)
    grid[:, -half:] = carriers[:, :half]
    grid[:, 1 : half + 1] = carriers[:, half:]
    return grid


def gathered(grid: np.ndarray, count: int, scale: np.ndarray) -> np.ndarray:
    """Inverse of `spread`, times `scale` [symbols, 1], to complex64 [symbols, count]."""
    half = count // 2
    out = np.empty((len(grid), count), np.complex64)
    np.multiply(grid[:, -half:], scale, out=out[:, :half])
    np.multiply(grid[:, 1 : half + 1], scale, out=out[:, half:])
    return out
