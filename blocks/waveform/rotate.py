# SPDX-License-Identifier: GPL-3.0-or-later
"""Complex rotations, fast: single precision once the whole turns are off."""

import numpy as np

_TURN = 2 * np.pi


def phasors(phase: np.ndarray) -> np.ndarray:
    """exp(1j * phase), complex64 of the same shape.

    Args:
        phase: rad; of any size in double precision. In single precision it is taken as it is, which
            is twice as fast and right to 1e-5 rad for phases below 100.
    """
    if phase.dtype != np.float32:
        turns = phase * (1 / _TURN)
        turns -= np.rint(turns)
        phase = turns.astype(np.float32) * np.float32(_TURN)
    out = np.empty(phase.shape, np.complex64)
    np.cos(phase, out=out.real)
    np.sin(phase, out=out.imag)
    return out


def shift(samples: np.ndarray, freq: float) -> np.ndarray:
    """Move complex64 [n] down by `freq` cycles per sample."""
    return samples * phasors(-2 * np.pi * freq * np.arange(len(samples)))
