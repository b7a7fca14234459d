# SPDX-License-Identifier: GPL-3.0-or-later
"""Channel estimation: least squares on known carriers, projected onto short channels."""

from functools import lru_cache

import numpy as np

from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.synchronise import WINDOW_ADVANCE

_REGULARISATION = 1e-4


@lru_cache(maxsize=8)
def delay_basis(profile: Profile) -> np.ndarray:
    """Frequency responses of single delays, complex128 [n_occupied, delays].

    Delays reach from `WINDOW_ADVANCE` samples before the FFT window (the sidelobes of a fractional
    delay) to the end of the prefix.
    """
    delays = np.arange(-WINDOW_ADVANCE, profile.cp_len + WINDOW_ADVANCE)
    return np.exp(-2j * np.pi * np.outer(profile.occupied, delays) / profile.fft_size)


@lru_cache(maxsize=8)
def _delay_fit(profile: Profile) -> np.ndarray:
    """Least squares from a frequency response to delays, complex128 [delays, n_occupied]."""
    basis = delay_basis(profile)
    gram = basis.conj().T @ basis
    gram += _REGULARISATION * len(profile.occupied) * np.eye(len(gram))
    return np.linalg.solve(gram, basis.conj().T)


def impulse_response(profile: Profile, channel: np.ndarray) -> np.ndarray:
    """Taps at the delays of `delay_basis` of a frequency response [n_occupied], complex."""
    return _delay_fit(profile) @ channel


@lru_cache(maxsize=8)
def short_channel_projection(profile: Profile) -> np.ndarray:
    """Projects a frequency response onto impulse responses that fit into the prefix.

    Keeps about (cp_len + 2 WINDOW_ADVANCE) * 200 / 256 dimensions of n_occupied, and the noise
    falls in that ratio.

    Returns:
        complex64 [n_occupied, n_occupied].
    """
    return (delay_basis(profile) @ _delay_fit(profile)).astype(np.complex64)


@lru_cache(maxsize=8)
def projection_parts(profile: Profile) -> np.ndarray:
    """The same for the kernels, float32 [real and imaginary part, n_occupied, n_occupied]."""
    both = short_channel_projection(profile)
    return np.stack([both.real, both.imag])


def estimate_channel(profile: Profile, response: np.ndarray) -> np.ndarray:
    """Frequency response from symbols that are known and whose phases are aligned.

    Args:
        response: complex64 [symbols, n_occupied], Y X* for known symbols with |X| = 1 everywhere.

    Returns:
        complex64 [n_occupied].
    """
    raw = response.sum(0) / np.float32(len(response))
    return short_channel_projection(profile) @ raw


def residual_variance(error: np.ndarray, parameters: float) -> float:
    """Noise variance per carrier from what a fit left over.

    Args:
        error: complex64 [symbols, carriers].
        parameters: complex numbers that were fitted to them.
    """
    return energy(error) / max(error.size - parameters, 1)


def energy(values: np.ndarray) -> float:
    """Sum of squared magnitudes of complex64 values of any shape."""
    return float(np.vdot(values, values).real)
