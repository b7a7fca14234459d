# SPDX-License-Identifier: GPL-3.0-or-later
"""A channel that changes while a packet lasts: the change seen at the pilots, carried to all
carriers."""

from functools import lru_cache
from itertools import accumulate

import numpy as np

from percast.blocks.waveform import kernels
from percast.blocks.waveform.estimate import delay_basis, energy, impulse_response
from percast.blocks.waveform.profile import Profile

_DEGREES = (1, 2)


@lru_cache(maxsize=128)
def polynomials(first: int, count: int) -> np.ndarray:
    """Orthonormal polynomials of rising degree that vanish at time 0, float32 [count, degrees]."""
    time = (first + np.arange(count)) / (first + count)
    basis, _ = np.linalg.qr(np.stack([time**d for d in _DEGREES], axis=1))
    return basis.astype(np.float32)


def channel_change(
    profile: Profile, channel: np.ndarray, seen: np.ndarray, noise: float, first: int
) -> tuple[np.ndarray, np.ndarray]:
    """How far the channel has moved since it was estimated.

    At the pilots the change is fitted by a polynomial in time, its degree chosen by Stein's
    unbiased risk; degree 0, no change, costs nothing. From the pilots it is carried to all
    carriers by linear MMSE interpolation, taking the change to have the channel's own power
    delay profile (P. Hoeher, S. Kaiser, P. Robertson, "Two-dimensional pilot-symbol-aided
    channel estimation by Wiener filtering", ICASSP 1997).

    Args:
        channel: complex64 [n_occupied], the estimate.
        seen: complex64 [symbols, n_pilots], what the pilots of the payload show beyond it.
        noise: variance of the noise on each.
        first: symbols between the estimate and the first of `seen`.

    Returns:
        complex64 [degree, n_occupied]: what to add to the channel with each of the first
        `polynomials`; nothing for no change. And float32 [degree, n_occupied], by how much that
        may be wrong between and beyond the pilots: the variance of what the interpolation leaves.
    """
    basis = polynomials(first, len(seen))
    if (fast := kernels.ready()) is not None:
        degrees, parts, power = fast.second_pass.degree(seen, basis, noise)
    else:
        degrees, parts, power = _degree(seen, basis, noise)
    shapes = np.empty((degrees, len(channel)), np.complex64)
    unsure = np.empty((degrees, len(channel)), np.float32)
    if degrees == 0:
        return shapes, unsure
    delays = np.abs(impulse_response(profile, channel)) ** 2
    fourier = delay_basis(profile)
    to_pilots = fourier[profile.pilot_index] * (delays / delays.sum())
    among_pilots = to_pilots @ fourier[profile.pilot_index].conj().T
    # In the eigenvectors of the pilots' covariance, whatever the noise.
    strength, vectors = np.linalg.eigh(among_pilots)
    to_all = fourier @ (to_pilots.conj().T @ vectors)
    told = to_all.real**2 + to_all.imag**2
    for d in range(degrees):
        change = max(power[d] - noise, 0.1 * noise)
        loaded = strength + noise / change
        shapes[d] = to_all @ ((parts[d] @ vectors.conj()) / loaded)
        unsure[d] = change * np.maximum(1 - told @ (1 / loaded), 0)
    return shapes, unsure


def _degree(
    seen: np.ndarray, basis: np.ndarray, noise: float
) -> tuple[int, np.ndarray, list[float]]:
    """How many of the polynomials are more than noise; what each shows at the pilots, complex64
    [degrees, n_pilots]; and its power."""
    parts = basis.T @ seen
    power = [energy(part) / len(part) for part in parts]
    # Each further degree takes its power off the error and fits one more noise to it.
    gain = [0.0, *accumulate(x - 2 * noise for x in power)]
    return gain.index(max(gain)), parts, power
