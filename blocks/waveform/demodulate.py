# SPDX-License-Identifier: GPL-3.0-or-later
"""One packet's carriers to its header, and then to equalised symbols with their noise."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from percast.blocks.waveform import bursts, kernels
from percast.blocks.waveform.coding import header_code
from percast.blocks.waveform.drift import channel_change, polynomials
from percast.blocks.waveform.estimate import (
    energy,
    estimate_channel,
    projection_parts,
    residual_variance,
)
from percast.blocks.waveform.header import HEADER_BYTES, Header
from percast.blocks.waveform.preamble import pilot_values, training_carriers
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import phasors
from percast.blocks.waveform.track import (
    clock_drift,
    rotation_grid,
    rotation_rate,
    smooth_gains,
)
from percast.blocks.waveform.transmit import header_carriers, packet_span, packets_needed

_LEAST_NOISE = 1e-9  # of the signal's power: keeps a noiseless signal finite


@dataclass(frozen=True)
class Packet:
    """What the receiver makes of one packet.

    Args:
        header: decoded, its CRC right.
        symbols: complex64 [n], equalised (Y/H), in the order on the air.
        noise_var: float32 [n], variance of the noise on each, sigma^2/|H|^2.
        channel: complex64 [n_occupied], estimated frequency response.
        noise: noise variance per carrier before equalisation, sigma^2.
        evm_squared: squared error vector magnitude over pilots and the re-encoded header.
        freq_offset: carrier offset in Hz.
        clock_ppm: sample-clock offset in parts per million.
        start: stream position of the first training symbol after its guard, samples.
    """

    header: Header
    symbols: np.ndarray
    noise_var: np.ndarray
    channel: np.ndarray
    noise: float
    evm_squared: float
    freq_offset: float
    clock_ppm: float
    start: int

    @property
    def signal(self) -> float:
        """Mean power gain of the channel over the occupied carriers, |H|^2."""
        return float(np.mean(np.abs(self.channel) ** 2))


@dataclass(frozen=True)
class _Head:
    """What training and header, both known, tell of the packet.

    Args:
        channel: complex64 [n_occupied], frequency response at the middle of the header.
        noise: variance per carrier.
        error: complex64 [symbols, n_occupied], what the channel leaves unexplained.
    """

    channel: np.ndarray
    noise: float
    error: np.ndarray


def read_header(profile: Profile, rows: np.ndarray) -> Header | None:
    """First pass: the header, from the training symbols' channel estimate.

    Args:
        rows: complex64 [2 + header_symbols, n_occupied], the training symbols and the header.

    Returns:
        None when its CRC is wrong, or it does not fit the profile.
    """
    p = profile
    rows = bursts.blank(rows)
    llr = 4 * _matched_header(p, rows).real.ravel()
    found: list[Header] = []

    def accept(bits: np.ndarray) -> bool:
        header = Header.unpack(np.packbits(bits).tobytes())
        if header is not None and header.packets == packets_needed(p, header.symbols):
            found.append(header)
        return bool(found)

    header_code.decode(llr, 8 * HEADER_BYTES, accept)
    return found[0] if found else None


def demodulate(
    profile: Profile, header: Header, rows: np.ndarray, freq_offset: float, start: int
) -> Packet:
    """Second pass over a packet whose header is known: everything known serves as pilots.

    The re-encoded header makes twelve more training symbols, so the channel estimate costs
    0.05 dB in place of the 0.35 dB of the two alone.

    Args:
        rows: complex64 [2 + header_symbols + payload_symbols, n_occupied], the training symbols,
            header and payload.
        freq_offset: already removed, cycles per sample.
        start: stream position, for `Packet.start`.
    """
    p = profile
    rows = bursts.blank(rows)
    lo, hi = packet_span(p, header.symbols, header.packets, header.packet)
    second_pass = _second_pass if kernels.ready() is None else _compiled_second_pass
    seen = second_pass(p, _known_head(p, header), rows, hi - lo)
    turns_per_symbol = freq_offset * p.symbol_len + seen.rate / (2 * np.pi)
    return Packet(
        header=header,
        symbols=seen.symbols,
        noise_var=seen.noise_var,
        channel=seen.channel,
        noise=seen.noise,
        evm_squared=seen.evm_squared,
        freq_offset=turns_per_symbol / p.symbol_len * p.samp_rate,
        clock_ppm=seen.drift * p.fft_size / (2 * np.pi * p.symbol_len) * 1e6,
        start=start,
    )


@dataclass(frozen=True)
class _Seen:
    """What the second pass makes of a packet: as in `Packet`, and rotation and drift in rad per
    symbol (and carrier)."""

    symbols: np.ndarray
    noise_var: np.ndarray
    channel: np.ndarray
    noise: float
    evm_squared: float
    rate: float
    drift: float


def _second_pass(p: Profile, known_head: np.ndarray, rows: np.ndarray, count: int) -> _Seen:
    """
    Args:
        known_head: complex64 [2 + header_symbols, n_occupied], conjugated.
        rows: see `demodulate`.
        count: symbols of the payload that are used.
    """
    rough = estimate_channel(p, _training_response(p, rows[:2]))
    heads = len(known_head)
    response = rows[:heads] * known_head
    known = pilot_values(p)[: len(rows) - 2]
    pilots = rows[2:].take(p.pilot_index, axis=1) * known

    time = _symbol_times(p)[: len(rows)]
    gains = _common_gains(p, response[2:], pilots, rough)
    rate = rotation_rate(gains)
    turn = phasors(-rate * time[2:])
    since_training = time[2:] - (time[0] + time[1]) / 2
    drift, carrier = _drift(p, pilots * turn[:, None], rough, gains * turn, since_training)
    right = phasors(np.outer(time, -(rate + drift * carrier).astype(np.float32)))

    head = _head_estimate(p, response * right[:heads], rough)
    payload = rows[heads:] * right[heads:]
    pilots = payload.take(p.pilot_index, axis=1) * known[p.header_symbols :]
    channel, pilot_error = _payload_response(p, head, pilots)
    noise = bursts.payload_noise(pilot_error, head.noise)
    symbols, noise_var = _equalised(payload.take(p.data_index, axis=1), channel, noise)
    return _Seen(
        symbols.ravel()[:count],
        noise_var.ravel()[:count],
        head.channel,
        head.noise,
        _evm_squared(
            p, head.channel, len(head.error), len(payload), energy(head.error) + energy(pilot_error)
        ),
        rate,
        drift,
    )


def _compiled_second_pass(
    p: Profile, known_head: np.ndarray, rows: np.ndarray, count: int
) -> _Seen:
    fast = kernels.ready().second_pass
    rate, drift, channel, noise, head_error, heads, payload, gain, left = fast.follow(
        rows, known_head, pilot_values(p)[: len(rows) - 2], _symbol_times(p)[: len(rows)],
        p.occupied, p.pilot_index, rotation_grid(len(rows) - 2), projection_parts(p),
        2, p.cp_len - 2,
    )  # fmt: skip
    since = p.header_symbols // 2
    shapes = channel_change(p, channel, left, noise, since)
    symbols, noise_var, pilot_error = fast.equalise(
        payload, channel, gain, shapes, left, polynomials(since, len(payload)), noise,
        p.pilot_index, p.data_index, count,
    )  # fmt: skip
    evm = _evm_squared(p, channel, heads, len(payload), head_error + pilot_error)
    return _Seen(symbols, noise_var, channel, noise, evm, rate, drift)


def _training_response(p: Profile, training: np.ndarray) -> np.ndarray:
    """Y X* of the training symbols that are not blanked, complex64 [1 or 2, n_occupied]."""
    return training[training.any(1)] * training_carriers(p).conj()


def _matched_header(p: Profile, rows: np.ndarray) -> np.ndarray:
    """Y H* / sigma^2 of the header's symbols, complex64 [header_symbols, data_carriers].

    Args:
        rows: complex64 [2 + header_symbols, n_occupied].
    """
    if (fast := kernels.ready()) is not None:
        training, signs = _known_training(p), pilot_values(p)[: p.header_symbols]
        grid, projection = rotation_grid(len(rows)), projection_parts(p)
        return fast.first_pass.matched_header(
            rows, training, signs, p.pilot_index, p.data_index, grid, projection, 2, p.cp_len
        )
    response = _training_response(p, rows[:2])
    channel = estimate_channel(p, response)
    noise = _noise(response - channel, channel, p.cp_len)
    rows = rows[2:]
    at_pilots = channel[p.pilot_index]
    pilots = rows.take(p.pilot_index, axis=1) * pilot_values(p)[: p.header_symbols]
    # The training symbols come before the header and have phase 0 by definition.
    anchor = len(at_pilots) * energy(channel) / len(channel)
    rate = rotation_rate(np.concatenate([[anchor, anchor], pilots @ at_pilots.conj()]))
    turn = phasors(-rate * np.arange(2, 2 + p.header_symbols))[:, None]
    pilot_power = bursts.row_power(pilots * turn - at_pilots)
    row_noise = np.where(bursts.hit(pilot_power, noise), pilot_power, noise)[:, None]
    matched = rows * (turn * channel.conj())
    return matched.take(p.data_index, axis=1) / row_noise


def _known_head(p: Profile, header: Header) -> np.ndarray:
    """Training symbols and re-encoded header, conjugated, complex64 [2 + header_symbols,
    n_occupied]."""
    known = np.empty((2 + p.header_symbols, len(p.occupied)), np.complex64)
    known[:2] = _known_training(p)
    pilots = pilot_values(p)[: p.header_symbols]
    known[2:] = np.hstack([header_carriers(p, header), pilots]).take(p.carrier_order, axis=1)
    return known


@lru_cache(maxsize=8)
def _known_training(p: Profile) -> np.ndarray:
    """X* of the training symbols, complex64 [2, n_occupied]."""
    return np.stack([training_carriers(p).conj()] * 2)


@lru_cache(maxsize=8)
def _symbol_times(p: Profile) -> np.ndarray:
    """When training, header and payload symbols come, in OFDM symbols since the first of the
    header, float32 [2 + header and payload]. The training symbols have no prefix between them."""
    rows = np.arange(p.header_symbols + p.max_payload_symbols)
    return np.concatenate([[-1 - p.fft_size / p.symbol_len, -1.0], rows]).astype(np.float32)


def _common_gains(
    p: Profile, header: np.ndarray, pilots: np.ndarray, channel: np.ndarray
) -> np.ndarray:
    """Gain that all carriers of a symbol share, mean of Y X* H*, complex64 [symbols].

    Args:
        header: complex64 [header_symbols, n_occupied], Y X*: of it all carriers count, of the
            payload the pilots.
        pilots: complex64 [symbols, n_pilots], Y X* at the pilots of header and payload.
        channel: complex64 [n_occupied].
    """
    of_header = header @ channel.conj() / np.float32(len(channel))
    at_pilots = channel[p.pilot_index].conj()
    of_payload = pilots[len(header) :] @ at_pilots / np.float32(len(at_pilots))
    return np.concatenate([of_header, of_payload])


def _drift(
    p: Profile, pilots: np.ndarray, channel: np.ndarray, gains: np.ndarray, time: np.ndarray
) -> tuple[float, np.ndarray]:
    """The sample clock's drift, a slope over the carriers that grows with time.

    Args:
        pilots, channel: as in `_common_gains`; the rotation is removed from `pilots`.
        gains: likewise, complex64 [symbols]: each symbol's own phase is removed too.
        time: float [symbols], since the channel was estimated, in symbols.

    Returns:
        rad per carrier and symbol; and float [n_occupied], the carriers counted from the centre of
        the pilots' power, about which the common phase turns.
    """
    gain = np.convolve(gains, np.ones(9, np.float32), "same")
    phase = gain.conj() / np.maximum(np.abs(gain), np.float32(1e-30))
    at_pilots = channel[p.pilot_index]
    power = at_pilots.real**2 + at_pilots.imag**2
    centre = float(power @ p.occupied[p.pilot_index] / power.sum())
    carrier = p.occupied - centre
    products = pilots * at_pilots.conj() * phase[:, None]
    return clock_drift(products, power, carrier[p.pilot_index], time), carrier


def _head_estimate(p: Profile, response: np.ndarray, rough: np.ndarray) -> _Head:
    """The channel from all of training and header but what bursts have hit.

    Args:
        response: complex64 [2 + header_symbols, n_occupied], Y X*; carrier and clock are right.
        rough: complex64 [n_occupied], the channel as the training symbols have it; each symbol's
            phase against it is taken out first.
    """
    gain = response @ rough.conj()
    response = response * (gain.conj() / np.maximum(np.abs(gain), np.float32(1e-36)))[:, None]
    channel = estimate_channel(p, response)
    error = response - channel
    calm = bursts.calm_head(error)
    if not calm.all():
        response = response[calm]
        channel = estimate_channel(p, response)
        error = response - channel
    return _Head(channel, _noise(error, channel, p.cp_len + len(error) - 2), error)


def _payload_response(p: Profile, head: _Head, pilots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The channel at every payload symbol, g_s H + dH_s: a common gain that moves about 1, and the
    change of the channel's shape.

    Args:
        pilots: complex64 [symbols, n_pilots], Y X* at the pilots of the payload.

    Returns:
        complex64 [symbols, data_carriers]; and complex64 [symbols, n_pilots], what it leaves of
        the pilots unexplained.
    """
    at_pilots = head.channel[p.pilot_index]
    power = energy(at_pilots)
    gain = pilots @ at_pilots.conj() / np.float32(power)
    gain[~pilots.any(1)] = 1  # a blanked symbol tells nothing
    gain = smooth_gains(gain, head.noise / power)[:, None]
    response, error = gain * head.channel[p.data_index], pilots - gain * at_pilots
    since = p.header_symbols // 2
    shapes = channel_change(p, head.channel, error, head.noise, since)
    if len(shapes):
        change = polynomials(since, len(pilots))[:, : len(shapes)] @ shapes
        response += change.take(p.data_index, axis=1)
        error -= change.take(p.pilot_index, axis=1)
    return response, error


def _equalised(
    received: np.ndarray, response: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Y/H and sigma^2/|H|^2.

    Args:
        received, response: complex64 [symbols, carriers].
        noise: float [symbols].

    Returns:
        complex64 and float32 [symbols, carriers].
    """
    weight = response.real**2 + response.imag**2
    np.maximum(weight, np.float32(1e-36), out=weight)
    np.reciprocal(weight, out=weight)
    symbols = received * response.conj()
    symbols *= weight
    weight *= noise.astype(np.float32)[:, None]
    return symbols, weight


def _noise(error: np.ndarray, channel: np.ndarray, parameters: float) -> float:
    """`residual_variance`, but never nothing."""
    floor = _LEAST_NOISE * energy(channel) / len(channel)
    return max(residual_variance(error, parameters), floor, 1e-35)


def _evm_squared(p: Profile, channel: np.ndarray, heads: int, payload: int, error: float) -> float:
    """Error power over signal power, both after the channel, over so many symbols of training and
    header, and the payload's pilots."""
    signal = heads * energy(channel) + payload * energy(channel[p.pilot_index])
    return error / signal
