# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a band-limited signal between its samples: Kaiser-windowed sinc interpolation."""

import numpy as np
from scipy import signal
from scipy.special import i0


def kaiser_beta(taps: int, band_edge: float) -> float:
    """Kaiser parameter that makes the best of `taps` for a signal within |f| <= `band_edge`.

    band_edge: cycles per sample, below 0.5. The transition may reach up to the first image at
    1 - band_edge.
    """
    return signal.kaiser_beta(signal.kaiser_atten(taps, 2 * (1 - 2 * band_edge)))


def windowed_sinc(offset: np.ndarray, taps: int, beta: float) -> np.ndarray:
    """Weight of a sample that lies `offset` samples off the wanted instant.

    offset: float64 of any shape, in samples; returns float64 of that shape, 0 beyond taps / 2.
    """
    inside = 1 - (offset * (2 / taps)) ** 2
    window = i0(beta * np.sqrt(np.maximum(inside, 0))) / i0(beta)
    return np.where(inside < 0, 0, np.sinc(offset) * window)
