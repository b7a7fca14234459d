# SPDX-License-Identifier: GPL-3.0-or-later
"""Channel estimation: least squares on known carriers, projected onto short channels."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np

from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.synchronise import WINDOW_ADVANCE

_REGULARISATION = 1e-4
_NO_EIGENVALUE = 1e-6  # of the projections, which have 1 or 0 but for the regularisation
# Delays in samples, from the window's start on.
_SPANS = ((-WINDOW_ADVANCE, 64), (-WINDOW_ADVANCE, 34), (-3, 22), (0, 13))


@lru_cache(maxsize=32)
def delay_basis(profile: Profile) -> np.ndarray:
    """Frequency responses of single delays, complex128 [n_occupied, delays].

    Delays reach from `WINDOW_ADVANCE` samples before the FFT window (the sidelobes of a fractional
    delay) to the end of the prefix.
    """
    delays = np.arange(-WINDOW_ADVANCE, profile.cp_len + WINDOW_ADVANCE)
    return np.exp(-2j * np.pi * np.outer(profile.occupied, delays) / profile.fft_size)


@dataclass(frozen=True)
class Projection:
    """Onto frequency responses of impulse responses within a span of delays.

    Args:
        matrix: complex64 [n_occupied, n_occupied].
        dimensions: that it keeps of n_occupied; the noise falls in that ratio.
    """

    matrix: np.ndarray
    dimensions: float


class _Carriers(NamedTuple):
    """What a projection depends on, which is the same for all kinds of packet of a profile: to make
    one takes some 20 ms."""

    fft_size: int
    cp_len: int
    occupied: tuple[int, ...]

    @classmethod
    def of(cls, profile: Profile) -> Self:
        return cls(profile.fft_size, profile.cp_len, tuple(profile.occupied.tolist()))


@lru_cache(maxsize=32)
def projection_factors(
    profile: Profile,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same projections for the kernels, by their eigenvectors, which are a quarter as much.

    Returns:
        Real and imaginary parts of the conjugated eigenvectors of all projections, one behind the
        other, float32 [2, vectors, n_occupied]; their eigenvalues, float32 [vectors]; where those
        of each projection begin, and where the last end, int64 [projections + 1]; what each keeps
        of the dimensions, float64 [projections].
    """
    return _factors(_Carriers.of(profile))


@lru_cache(maxsize=8)
def _factors(carriers: _Carriers) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    vectors, weights, ends, kept = [], [], [0], []
    for projection in _projections(carriers):
        value, vector = np.linalg.eigh(projection.matrix.astype(complex))
        used = value > _NO_EIGENVALUE
        vectors.append(vector[:, used].conj().T)
        weights.append(value[used])
        ends.append(ends[-1] + int(used.sum()))
        kept.append(projection.dimensions)
    stacked = np.concatenate(vectors)
    parts = np.stack([stacked.real, stacked.imag]).astype(np.float32)
    return parts, np.concatenate(weights).astype(np.float32), np.array(ends), np.array(kept)


@lru_cache(maxsize=32)
def short_channel_projections(profile: Profile) -> tuple[Projection, ...]:
    """Onto all that fits into the prefix, and onto shorter and shorter spans round the first path,
    which the window puts `WINDOW_ADVANCE` samples in."""
    return _projections(_Carriers.of(profile))


@lru_cache(maxsize=8)
def _projections(carriers: _Carriers) -> tuple[Projection, ...]:
    longest = carriers.cp_len + WINDOW_ADVANCE
    spans = [(-WINDOW_ADVANCE, longest)]
    spans += [span for span in _SPANS if span[1] < longest]
    return tuple(_projection(carriers, *span) for span in spans)


def _projection(carriers: _Carriers, first: int, last: int) -> Projection:
    basis = np.exp(
        -2j * np.pi * np.outer(carriers.occupied, np.arange(first, last)) / carriers.fft_size
    )
    gram = basis.conj().T @ basis
    gram += _REGULARISATION * len(carriers.occupied) * np.eye(len(gram))
    matrix = basis @ np.linalg.solve(gram, basis.conj().T)
    return Projection(matrix.astype(np.complex64), float(np.trace(matrix).real))


def estimate_channel(profile: Profile, response: np.ndarray) -> tuple[np.ndarray, float]:
    """Frequency response from symbols that are known and whose phases are aligned.

    The fewer delays it may have, the less noise there is in it; how many it needs is chosen by
    Stein's unbiased risk (C. Stein, Annals of Statistics 9, 1981).

    Args:
        response: complex64 [symbols, n_occupied], Y X* for known symbols with |X| = 1 everywhere.

    Returns:
        complex64 [n_occupied]; and how many complex numbers were fitted.
    """
    symbols = len(response)
    raw = response.sum(0) / np.float32(symbols)
    whole, *shorter = short_channel_projections(profile)
    channel, fitted = whole.matrix @ raw, whole.dimensions
    left = energy(raw - channel)
    # Of the mean: what single symbols and the fit leave over.
    spread = energy(response) - symbols * energy(raw) + symbols * left
    noise = spread / (response.size - fitted) / symbols
    least = left + 2 * noise * fitted
    for other in shorter:
        candidate = other.matrix @ raw
        if (risk := energy(raw - candidate) + 2 * noise * other.dimensions) < least:
            channel, fitted, least = candidate, other.dimensions, risk
    return channel, fitted


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
