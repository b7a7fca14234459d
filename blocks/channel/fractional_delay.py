# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a band-limited signal between its samples: Kaiser-windowed sinc interpolation."""

import math

import numpy as np
from scipy.special import i0


def kaiser_beta(taps: int, band_edge: float) -> float:
    """Kaiser parameter that makes the best of `taps` for a signal within |f| <= `band_edge`.

    band_edge: cycles per sample, below 0.5. The transition may reach up to the first image at
    1 - band_edge. Source: Oppenheim and Schafer, Discrete-Time Signal Processing, on filter
    design by Kaiser windows, for attenuations above 50 dB.
    """
    attenuation = 2.285 * (taps - 1) * 2 * math.pi * (1 - 2 * band_edge) + 8
    if attenuation < 50:
        raise ValueError(f"{taps} taps are too few for a band edge of {band_edge}")
    return 0.1102 * (attenuation - 8.7)


def windowed_sinc(offset: np.ndarray, taps: int, beta: float) -> np.ndarray:
    """Weight of a sample that lies `offset` samples off the wanted instant.

    offset: float64 of any shape, in samples; returns float64 of that shape, 0 beyond taps / 2.
    """
    inside = 1 - (offset * (2 / taps)) ** 2
    window = i0(beta * np.sqrt(np.maximum(inside, 0))) / i0(beta)
    return np.where(inside < 0, 0, np.sinc(offset) * window)
