# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a band-limited signal between its samples: Kaiser-windowed sinc interpolation."""

import numpy as np
from scipy.special import i0


def kaiser_beta(taps: int, band_edge: float) -> float:
    """Kaiser parameter that makes the best of `taps` for a signal within |f| <= `band_edge`.

    band_edge: cycles per sample, below 0.5. The transition may reach up to the first image at
    1 - band_edge.

    Source: Oppenheim and Schafer, Discrete-Time Signal Processing, 7.75 and 7.76. The same as
    `scipy.signal.kaiser_beta(kaiser_atten(...))`, whose import takes as long as all else of a link.
    """
    attenuation_db = 7.95 + 2.285 * (taps - 1) * np.pi * 2 * (1 - 2 * band_edge)
    if attenuation_db > 50:
        return 0.1102 * (attenuation_db - 8.7)
    above = max(0.0, attenuation_db - 21)
    return 0.5842 * above**0.4 + 0.07886 * above


def windowed_sinc(offset: np.ndarray, taps: int, beta: float) -> np.ndarray:
    """Weight of a sample that lies `offset` samples off the wanted instant.

    offset: float64 of any shape, in samples; returns float64 of that shape, 0 beyond taps / 2.
    """
    inside = 1 - (offset * (2 / taps)) ** 2
    window = i0(beta * np.sqrt(np.maximum(inside, 0))) / i0(beta)
    return np.where(inside < 0, 0, np.sinc(offset) * window)
