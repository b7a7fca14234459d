# SPDX-License-Identifier: GPL-3.0-or-later
"""Carriers to samples and back."""

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
    grid = np.zeros((len(carriers), n), np.complex64)
    grid[:, profile.occupied % n] = carriers
    time = fft.ifft(grid, axis=1, overwrite_x=True) * np.float32(
        n / np.sqrt(len(profile.occupied))
    )
    return np.concatenate([time[:, n - cp_len :], time], axis=1)


def to_carriers(profile: Profile, samples: np.ndarray) -> np.ndarray:
    """OFDM demodulation, inverse of `to_samples` without prefix.

    Args:
        samples: complex64 [symbols, fft_size].

    Returns:
        complex64 [symbols, n_occupied].
    """
    n = profile.fft_size
    grid = fft.fft(samples, axis=1)
    return grid[:, profile.occupied % n] * np.float32(np.sqrt(len(profile.occupied)) / n)
