# SPDX-License-Identifier: GPL-3.0-or-later
"""Peak-to-average power reduction by clipping and filtering.

Source: J. Armstrong, "Peak-to-average power reduction for OFDM by repeated clipping and
frequency domain filtering", Electronics Letters 38(5), 2002.
"""

import numpy as np
from scipy import fft

from percast.blocks.waveform.profile import Profile

OVERSAMPLING = 2  # peaks lie between the samples


def clip_and_filter(
    profile: Profile, carriers: np.ndarray, papr_db: float, rounds: int = 2
) -> np.ndarray:
    """Clip the envelope of every symbol and keep what falls on occupied carriers.

    The mean power of what is sent is restored, so that clipping costs EVM but no power.

    Args:
        carriers: complex64 [symbols, n_occupied], mean power 1.
        papr_db: envelope limit above the mean power, dB. Filtering lets the peaks grow again
            a little; `rounds` repeats the pair.

    Returns:
        complex64 [symbols, n_occupied].
    """
    n = profile.fft_size * OVERSAMPLING
    place = profile.occupied % n
    limit = np.float32(10 ** (papr_db / 20) * np.sqrt(len(place)) / n)
    out, rows = carriers.copy(), np.arange(len(carriers))
    for _ in range(rounds):
        grid = np.zeros((len(rows), n), np.complex64)
        grid[:, place] = out[rows]
        time = fft.ifft(grid, axis=1, overwrite_x=True)
        envelope = np.abs(time)
        peaks = envelope > limit
        clipped = peaks.any(1)
        rows, time = rows[clipped], time[clipped]
        envelope, peaks = envelope[clipped], peaks[clipped]
        time[peaks] *= limit / envelope[peaks]
        out[rows] = fft.fft(time, axis=1, overwrite_x=True)[:, place]
    power = np.vdot(out, out).real / np.vdot(carriers, carriers).real
    return out / np.float32(np.sqrt(power))


def papr(samples: np.ndarray) -> float:
    """Peak-to-average power ratio of complex samples [n], dB."""
    power = np.abs(samples) ** 2
    return float(10 * np.log10(power.max() / power.mean()))
