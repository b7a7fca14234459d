# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking over a packet: residual carrier offset, sample clock, common gain and phase."""

from functools import lru_cache

import numpy as np
from scipy import fft

from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import phasors

_WIDTHS = (1, 3, 5, 9, 17, 33)
_LOOKS = (12, 28, 64, 144)  # symbols
_STEPS = 3  # with which the drift in all of the packet is settled
_FINE_ENOUGH = 1e-3  # rad, at the outermost pilots of the last symbol
MAX_CLOCK_PPM = 150.0  # that the second pass follows over the longest packets


def rotation_rate(gains: np.ndarray) -> float:
    """The phase ramp (rad per symbol) that aligns complex gains [symbols] best.

    Maximises |sum g_s exp(-j w s)|: periodogram on a grid, then a parabola through the peak.
    """
    size = _grid_size(len(gains))
    spectrum = np.abs(fft.fft(gains, size))
    peak = int(spectrum.argmax())
    left, mid, right = (float(spectrum[i % size]) for i in (peak - 1, peak, peak + 1))
    curvature = left - 2 * mid + right
    offset = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    turns = (peak + offset) / size
    return float(2 * np.pi * (turns - round(turns)))


def _grid_size(symbols: int) -> int:
    return fft.next_fast_len(8 * symbols)


@lru_cache(maxsize=128)
def rotation_grid(symbols: int) -> np.ndarray:
    """What each bin of `rotation_rate`'s periodogram turns back in a symbol, for the kernels,
    complex64 [bins]."""
    size = _grid_size(symbols)
    return np.exp(-2j * np.pi * np.arange(size) / size).astype(np.complex64)


def looks(symbols: int) -> list[int]:
    """How many of a packet's first symbols its offsets are sought in, from few, over which the
    pilots do not turn apart yet, to all."""
    return [*(count for count in _LOOKS if count < symbols), symbols]


@lru_cache(maxsize=128)
def look_grids(symbols: int) -> tuple[np.ndarray, np.ndarray]:
    """`looks`, and `rotation_grid` of each one behind the other, for the kernels.

    Returns:
        int64 [looks, 3], how many symbols, and where their grid begins and ends; complex64 [bins].
    """
    counts = looks(symbols)
    grids = [rotation_grid(count) for count in counts]
    ends = np.cumsum([0, *map(len, grids)])
    return np.stack([counts, ends[:-1], ends[1:]], axis=1), np.concatenate(grids)


def offsets(
    p: Profile, header: np.ndarray, pilots: np.ndarray, channel: np.ndarray, time: np.ndarray
) -> tuple[float, float]:
    """Rotation of all carriers, and the sample clock's drift, a slope over the carriers that grows
    with time.

    A drift hides the rotation: where the pilots have turned apart, what they have in common is no
    single line any more. So both are sought in the first symbols, where the drift is still small;
    it is undone, and both are sought in more of the packet.

    Args:
        header: complex64 [header_symbols, n_occupied], Y X*: of it all carriers count, of the
            payload the pilots.
        pilots: complex64 [symbols, n_pilots], Y X* at the pilots of header and payload.
        channel: complex64 [n_occupied].
        time: float32 [symbols], since the channel was so, in symbols.

    Returns:
        rad per symbol, at carrier 0; and rad per symbol and carrier.
    """
    carrier, at_pilots = p.occupied[p.pilot_index], channel[p.pilot_index]
    power = at_pilots.real**2 + at_pilots.imag**2
    centre = float(power @ carrier / power.sum())  # about which the common phase turns
    rate = drift = step = 0.0
    for count in looks(len(time)):
        since = time[:count]
        upright = pilots[:count] * _straight(drift, since, carrier)
        head = header * _straight(drift, since[: len(header)], p.occupied)
        gains = _common_gains(p, head, upright, channel)
        rate = rotation_rate(gains)
        turn = phasors(-rate * since)
        phase = turn * _smooth_phase(gains * turn).conj()
        products = upright * at_pilots.conj() * phase[:, None]
        steps = _STEPS if count == len(time) else 1
        step = clock_drift(products, power, carrier - centre, since, steps)
        drift += step
    return rate - step * centre, drift


def _straight(drift: float, time: np.ndarray, carrier: np.ndarray) -> np.ndarray:
    """What undoes a drift, complex64 [symbols, carriers]."""
    return phasors(np.outer(time, np.float32(-drift) * carrier.astype(np.float32)))


def _common_gains(
    p: Profile, header: np.ndarray, pilots: np.ndarray, channel: np.ndarray
) -> np.ndarray:
    """Gain that all carriers of a symbol share, mean of Y X* H*, complex64 [symbols]."""
    of_header = header @ channel.conj() / np.float32(len(channel))
    at_pilots = channel[p.pilot_index].conj()
    of_payload = pilots[len(header) :] @ at_pilots / np.float32(len(at_pilots))
    return np.concatenate([of_header, of_payload])


def _smooth_phase(gains: np.ndarray) -> np.ndarray:
    """Of each symbol and its neighbours, as far as 4 away: complex64 [symbols] of magnitude 1."""
    near = np.convolve(gains, np.ones(min(9, len(gains)), np.float32), "same")
    return near / np.maximum(np.abs(near), np.float32(1e-30))


def clock_drift(
    products: np.ndarray, power: np.ndarray, carrier: np.ndarray, time: np.ndarray, steps: int
) -> float:
    """Timing drift in rad per carrier and symbol: weighted least squares on the pilots.

    The fit is linear in small phases; each further step of it undoes what was found so far.

    Args:
        products: complex [symbols, n_pilots], received * conj(expected) with the common phase of
            each symbol removed.
        power: float [n_pilots], what the products are without noise and drift.
        carrier: float [n_pilots], pilot carriers relative to their mean weighted by `power`
            (about which the common phase turns).
        time: float [symbols], since the channel was estimated, in symbols.
        steps: at most so many.
    """
    lever = np.outer(time.astype(np.float32), carrier.astype(np.float32))
    reach = float(np.abs(carrier).max() * time[-1])
    weight = float(power @ carrier**2) * float(time @ time)
    drift, left = 0.0, products.imag
    for _ in range(steps):
        if drift:
            angle = np.float32(drift) * lever
            left = products.imag * np.cos(angle) - products.real * np.sin(angle)
        step = float(np.vdot(left, lever)) / weight
        drift += step
        if abs(step) * reach < _FINE_ENOUGH:
            break
    return drift


def smooth_gains(gains: np.ndarray, variance: float) -> np.ndarray:
    """Moving average of complex gains around 1, its width chosen by Stein's unbiased risk.

    In a still channel the gain stays 1 and costs nothing; with phase noise or Doppler the
    width shrinks until the gain follows.

    Args:
        gains: complex64 [symbols], each with noise of `variance`.

    Returns:
        complex64 [symbols].
    """
    means, own_share = _moving_averages(len(gains))
    change = gains - 1
    parts = change.view(np.float32).reshape(-1, 2)  # real and imaginary: the averages are real
    candidates = (means @ parts).reshape(-1, parts.size)
    left = parts.ravel() - candidates
    risk = np.einsum("ij,ij->i", left, left) / len(gains) + (2 * own_share - 1) * variance
    return 1 + candidates[risk.argmin()].view(np.complex64)


@lru_cache(maxsize=128)
def _moving_averages(n: int) -> tuple[np.ndarray, np.ndarray]:
    """For `n` values, averaging matrices one below the other, float32 [(1 + widths) * n, n], and
    the mean weight of a value in its own average, float [1 + widths]. The first is all zero: the
    values stay what they are taken for."""
    distance = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    widths = [*(w for w in _WIDTHS if w < n), 2 * n - 1]
    inside = np.stack([distance <= w // 2 for w in widths]).astype(float)
    means = inside / inside.sum(2, keepdims=True)
    means = np.concatenate([np.zeros((1, n, n)), means])
    own = np.einsum("wii->w", means) / n
    return means.reshape(-1, n).astype(np.float32), own
