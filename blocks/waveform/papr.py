# SPDX-License-Identifier: GPL-3.0-or-later
"""Peak-to-average power reduction by clipping and filtering.

Source: J. Armstrong, "Peak-to-average power reduction for OFDM by repeated clipping and
frequency domain filtering", Electronics Letters 38(5), 2002.
"""

from functools import lru_cache

import numpy as np
from scipy import fft

from percast.blocks.waveform import kernels
from percast.blocks.waveform.ofdm import gathered, spread
from percast.blocks.waveform.profile import Profile

OVERSAMPLING = 2  # peaks lie between the samples
ROUNDS = 2  # of clipping and filtering: filtering lets the peaks grow again a little


def clip_and_filter(
    profile: Profile, carriers: np.ndarray, papr_db: float, rounds: int = ROUNDS
) -> np.ndarray:
    """Clip the envelope of every symbol and keep what falls on occupied carriers.

    The mean power of what is sent is restored, so that clipping costs EVM but no power.

    Args:
        carriers: complex64 [symbols, n_occupied].
        papr_db: envelope limit above a mean power of 1, dB.
        rounds: how often.

    Returns:
        complex64 [symbols, n_occupied].
    """
    n, most = profile.fft_size * OVERSAMPLING, limit(profile, papr_db)
    if (fast := kernels.ready()) is not None:
        time = fft.ifft(spread(carriers, n), axis=1, overwrite_x=True)
        counts, limits = np.repeat(rounds, len(time)), np.repeat(most, len(time))
        clipped, energies = np.empty_like(time), np.empty((len(time), 2))
        fast.sending.clipped(time, response(profile), limits, counts, 1, 0, clipped, energies)
        before, after = energies.sum(0)
        scale = np.float32(np.sqrt(before / after))
        return gathered(fft.fft(clipped, axis=1, overwrite_x=True), carriers.shape[1], scale)
    out, rows = carriers.astype(np.complex64), np.arange(len(carriers))
    for _ in range(rounds):
        time = fft.ifft(spread(out[rows], n), axis=1, overwrite_x=True)
        over = time.real**2 + time.imag**2 > most**2
        peaks = time[over]
        time[over] = peaks * (most / np.abs(peaks))
        # Most symbols have no peak, and stay as they are.
        clipped = over.any(1)
        rows, time = rows[clipped], time[clipped]
        out[rows] = gathered(fft.fft(time, axis=1), out.shape[1], np.float32(1))
    power = np.vdot(out, out).real / np.vdot(carriers, carriers).real
    out *= np.float32(1 / np.sqrt(power))
    return out


def limit(profile: Profile, papr_db: float | None) -> np.float32:
    """Largest magnitude of the oversampled inverse FFT of carriers of mean power 1; infinite for
    None."""
    if papr_db is None:
        return np.float32(np.inf)
    bins = profile.fft_size * OVERSAMPLING
    return np.float32(10 ** (papr_db / 20) * np.sqrt(len(profile.occupied)) / bins)


@lru_cache(maxsize=8)
def response(profile: Profile) -> np.ndarray:
    """What the filter, which leaves the occupied carriers, makes of an impulse, twice over, so that
    the impulse at sample k has it from n - k on: float32 [2 n], n = fft_size * OVERSAMPLING. It is
    real, for the occupied carriers are symmetric."""
    ones = np.ones((1, len(profile.occupied)), np.complex128)
    one = fft.ifft(spread(ones, profile.fft_size * OVERSAMPLING), axis=1)[0].real
    return np.tile(one, 2).astype(np.float32)
