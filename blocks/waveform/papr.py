# SPDX-License-Identifier: GPL-3.0-or-later
"""Peak-to-average power reduction by clipping and filtering.

Source: J. Armstrong, "Peak-to-average power reduction for OFDM by repeated clipping and
frequency domain filtering", Electronics Letters 38(5), 2002.
"""

import numpy as np
from scipy import fft

from percast.blocks.waveform import kernels
from percast.blocks.waveform.ofdm import gathered, spread
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
    n, count = profile.fft_size * OVERSAMPLING, len(profile.occupied)
    limit = np.float32(10 ** (papr_db / 20) * np.sqrt(count) / n)
    fast = kernels.ready()
    clip, put_back = (_clip, _put_back) if fast is None else (fast.clipping.clip, fast.clipping.put)
    out, rows = carriers.astype(np.complex64), np.arange(len(carriers))
    for _ in range(rounds):
        time = fft.ifft(spread(out[rows], n), axis=1, overwrite_x=True)
        # Most symbols have no peak, and stay as they are.
        clipped = clip(time, limit)
        rows, time = rows[clipped], time[clipped]
        put_back(fft.fft(time, axis=1, overwrite_x=True), rows, out)
    power = np.vdot(out, out).real / np.vdot(carriers, carriers).real
    out *= np.float32(1 / np.sqrt(power))
    return out


def _clip(time: np.ndarray, limit: float) -> np.ndarray:
    """Puts samples beyond `limit` back to it, in complex64 [symbols, n]; the symbols that had any,
    int [symbols]."""
    over = time.real**2 + time.imag**2 > limit**2
    peaks = time[over]
    time[over] = peaks * (limit / np.abs(peaks))
    return np.flatnonzero(over.any(1))


def _put_back(grid: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """The occupied ones of the bins, complex64 [len(rows), bins], into those rows of complex64
    [symbols, n_occupied]."""
    out[rows] = gathered(grid, out.shape[1], np.float32(1))


def papr(samples: np.ndarray) -> float:
    """Peak-to-average power ratio of complex samples [n], dB."""
    power = np.abs(samples) ** 2
    return float(10 * np.log10(power.max() / power.mean()))
