# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of a packet's carrier offset, and its sample clock's, found together."""

import numpy as np

from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import phasors
from percast.blocks.waveform.track import clock_drift, looks, rotation_rate

_STEPS = 3  # with which the drift in all of the packet is settled


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
