# SPDX-License-Identifier: GPL-3.0-or-later
"""A channel that changes while a packet lasts: the change seen at the pilots, carried to all
carriers."""

from functools import lru_cache
from itertools import accumulate

import numpy as np
from scipy import fft

from percast.blocks.waveform import kernels
from percast.blocks.waveform.estimate import delay_basis, energy
from percast.blocks.waveform.ofdm import spread
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import phasors

_DEGREES = (1, 2)
_FINE = 4  # steps to a sample in which the strongest path's delay is looked for
_FLOOR = 1e-6  # of the channel's power at every delay: one path alone leaves nothing else


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
    carriers by linear MMSE interpolation (P. Hoeher, S. Kaiser, P. Robertson, "Two-dimensional
    pilot-symbol-aided channel estimation by Wiener filtering", ICASSP 1997), taking its paths to
    move independently, each as its power lets it, but for what they do in common: the common gain,
    which is taken out of `seen`, has followed the change along the channel itself.

    Args:
        channel: complex64 [n_occupied], as it is known in the middle of `seen`.
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
    fourier, at_pilots, _ = _paths(profile)
    here = channel[profile.pilot_index]
    delays = _moving_power(profile, channel)
    # What of each path the common gain has; the rest of it is its column less so much of `channel`.
    gained = here.conj() @ at_pilots / np.float32(max(energy(here), 1e-36))
    at_pilots = at_pilots - here[:, None] * gained
    delays /= _power(at_pilots).sum(0) @ delays / len(here)
    to_pilots = at_pilots * delays
    # In the eigenvectors of the pilots' covariance, whatever the noise.
    strength, vectors = np.linalg.eigh(to_pilots @ at_pilots.conj().T)
    mixed = to_pilots.conj().T @ vectors
    to_all = fourier @ mixed - channel[:, None] * (gained @ mixed)
    told = _power(to_all)
    shared = channel.conj() * (fourier @ (delays * gained.conj()))
    whole = delays.sum() - 2 * shared.real + _power(channel) * (_power(gained) @ delays)
    for d in range(degrees):
        change = max(power[d] - noise, 0.1 * noise)
        loaded = np.maximum(strength, 0) + noise / change
        shapes[d] = to_all @ ((parts[d] @ vectors.conj()) / loaded)
        unsure[d] = change * np.maximum(whole - told @ (1 / loaded), 0)
    return shapes, unsure


def _power(values: np.ndarray) -> np.ndarray:
    return values.real**2 + values.imag**2


@lru_cache(maxsize=32)
def _paths(profile: Profile) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`delay_basis`, complex64 [n_occupied, delays]; of it the pilots, [n_pilots, delays]; and from
    a frequency response back to taps, [delays, n_occupied], through a Hann window: side lobes of a
    path would pass for others far away."""
    basis = delay_basis(profile).astype(np.complex64)
    window = np.cos(np.pi / 2 * profile.occupied / (profile.occupied[-1] + 1)) ** 2
    back = basis.conj().T * window.astype(np.float32)
    return basis, basis[profile.pilot_index], back


def _moving_power(profile: Profile, channel: np.ndarray) -> np.ndarray:
    """How much moves at each of the delays of `delay_basis`, up to a factor, float32 [delays].

    The strongest path is left out: the common gain follows it, and a line of sight is no measure
    of what is scattered beside it. One channel tells little of a tap's mean power, so three taps
    tell it together.
    """
    rest = channel - _strongest_path(profile, channel)
    taps = _power(_paths(profile)[2] @ rest)
    near = taps + _FLOOR * len(channel) * energy(channel) + 1e-36
    near[1:] += taps[:-1]
    near[:-1] += taps[1:]
    return near


def _strongest_path(profile: Profile, channel: np.ndarray) -> np.ndarray:
    """Frequency response of the path that explains most of the channel, complex64 [n_occupied]."""
    size = _FINE * profile.fft_size
    peak = np.abs(fft.ifft(spread(channel[None], size)[0], overwrite_x=True))
    place = int(peak.argmax())
    before, most, after = (float(peak[i % size]) for i in (place - 1, place, place + 1))
    curvature = before - 2 * most + after
    delay = place + (0.5 * (before - after) / curvature if curvature < 0 else 0.0)
    path = phasors(-2 * np.pi / size * delay * profile.occupied)
    return path * np.complex64(np.vdot(path, channel) / len(channel))


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
