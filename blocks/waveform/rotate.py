# SPDX-License-Identifier: GPL-3.0-or-later
"""Complex rotations, fast: single precision once the whole turns are off."""

import numpy as np


def phasors(phase: np.ndarray) -> np.ndarray:
    """exp(1j * phase) for phases in rad of any size, complex64 of the same shape."""
    turns = phase / (2 * np.pi)
    part = ((turns - np.rint(turns)) * (2 * np.pi)).astype(np.float32)
    out = np.empty(part.shape, np.complex64)
    np.cos(part, out=out.real)
    np.sin(part, out=out.imag)
    return out


def shift(samples: np.ndarray, freq: float) -> np.ndarray:
    """Move complex64 [n] down by `freq` cycles per sample."""
    return samples * phasors(-2 * np.pi * freq * np.arange(len(samples)))
