# SPDX-License-Identifier: GPL-3.0-or-later
"""What a waveform sends beside its band, computed from the shape of its OFDM symbols.

Independent symbols on carriers k of N make a power density that is the sum of |W(f - k/N)|^2, W
being the spectrum of one windowed symbol. That holds in the samples; what a radio's filters make of
it beyond half the sample rate is the radio's.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

from percast.blocks.waveform.formats.edges import rise
from percast.blocks.waveform.profile import Profile

FAR = 0.45
"""Of the sample rate: where the far side band begins. The band ends at 0.393, the samples at
0.5."""

_FINE = 16  # bins of density to a carrier


@dataclass(frozen=True)
class Emission:
    """What is stated of a waveform's spectrum.

    Args:
        occupied_99_hz: bandwidth that holds 99% of the power, half a percent below and above it.
        leakage_db: mean density from `FAR` on, dB relative to that of the band.
        adjacent_db: all power beside the band, to half the sample rate, dB relative to all.
    """

    occupied_99_hz: float
    leakage_db: float
    adjacent_db: float


def emission(profile: Profile) -> Emission:
    """As computed."""
    return stated(profile, density(profile))


@lru_cache(maxsize=32)
def density(profile: Profile) -> np.ndarray:
    """Power density over the sample band from -1/2 up, float [n], sum 1."""
    w, n = profile.window, profile.fft_size * _FINE
    shape = np.ones(profile.symbol_len + w)
    if w:
        shape[:w], shape[-w:] = rise(w), rise(w)[::-1]
    one = np.abs(fft.fft(shape, n)) ** 2
    carriers = np.zeros(n)
    carriers[profile.occupied * _FINE % n] = 1
    total = fft.fftshift(fft.ifft(fft.fft(one) * fft.fft(carriers)).real)
    return np.maximum(total, 0) / total.sum()


def stated(profile: Profile, power: np.ndarray) -> Emission:
    """Figures of a power density over the sample band from -1/2 up, float [n], sum 1."""
    freq = np.abs(np.arange(len(power)) / len(power) - 0.5)
    edge = (profile.occupied[-1] + 0.5) / profile.fft_size
    total = np.cumsum(power)
    low, high = np.searchsorted(total, [0.005, 0.995])
    return Emission(
        occupied_99_hz=float(high - low) / len(power) * profile.samp_rate,
        leakage_db=_db(power[freq >= FAR].mean() / power[freq <= edge].mean()),
        adjacent_db=_db(power[freq > edge].sum()),
    )


def _db(ratio: float) -> float:
    return float(10 * np.log10(ratio))
