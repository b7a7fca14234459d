# SPDX-License-Identifier: GPL-3.0-or-later
"""Complex rotations, fast: single precision once the whole turns are off."""

import numpy as np

_FINE = 8  # rows of the finer table of `ramps`


def phasors(phase: np.ndarray) -> np.ndarray:
    """exp(1j * phase) for phases in rad of any size, complex64 of the same shape."""
    turns = phase / (2 * np.pi)
    part = ((turns - np.rint(turns)) * (2 * np.pi)).astype(np.float32)
    out = np.empty(part.shape, np.complex64)
    np.cos(part, out=out.real)
    np.sin(part, out=out.imag)
    return out


def ramps(steps: np.ndarray, start: int, count: int) -> np.ndarray:
    """exp(1j * s * step) for s = start, start + 1, ..., complex64 [count, n], for steps [n] in rad.

    From two short tables: a product costs a fraction of a sine and a cosine.
    """
    fine = phasors(np.outer(np.arange(_FINE), steps))
    coarse = phasors(np.outer(np.arange(start, start + count, _FINE), steps))
    return (coarse[:, None] * fine).reshape(-1, len(steps))[:count]


def shift(samples: np.ndarray, freq: float) -> np.ndarray:
    """Move complex64 [n] down by `freq` cycles per sample."""
    return samples * phasors(-2 * np.pi * freq * np.arange(len(samples)))
