# SPDX-License-Identifier: GPL-3.0-or-later
"""One packet's carriers to its header, and then to equalised symbols with their noise."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from percast.blocks.waveform import bursts
from percast.blocks.waveform.coding import header_code
from percast.blocks.waveform.drift import channel_change
from percast.blocks.waveform.estimate import energy, estimate_channel, residual_variance
from percast.blocks.waveform.formats.table import header_bytes, later_version
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.preamble import pilot_values, training_carriers
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import phasors
from percast.blocks.waveform.track import clock_drift, rotation_rate, smooth_gains
from percast.blocks.waveform.transmit import (
    header_carriers,
    packet_span,
    packets_needed,
    payload_symbols,
)

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
        profile: of its kind.
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
    profile: Profile

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
        doubt: variance of the noise in the channel itself, per carrier.
    """

    channel: np.ndarray
    noise: float
    error: np.ndarray
    doubt: float


def read_header(profile: Profile, rows: np.ndarray) -> Header | int | None:
    """First pass: the header, from the training symbols' channel estimate.

    Args:
        rows: complex64 [training + header_symbols, n_occupied], the training symbols and the header.

    Returns:
        None when its CRC is wrong, or it does not fit the profile; the number of its version where
        that is a later one than is known here.
    """
    p = profile
    rows = bursts.blank(rows, p.training_symbols)
    training = p.training_symbols
    response = _training_response(p, rows[:training])
    channel, fitted = estimate_channel(p, response)
    noise = _noise(response - channel, channel, fitted)
    llr = _header_llr(p, rows[training:], channel, noise)
    found: list[Header | int] = []

    def accept(bits: np.ndarray) -> bool:
        data = np.packbits(bits).tobytes()
        header = Header.unpack(data)
        if header is None:
            if (later := later_version(data)) is not None:
                found.append(later)
        elif (header.version, header.packets) == (
            p.kind.version,
            packets_needed(p, header.symbols),
        ):
            found.append(header)
        return bool(found)

    header_code.decode(llr, 8 * header_bytes(p.kind.version), accept, p.kind.per_check)
    return found[0] if found else None


def demodulate(
    profile: Profile, header: Header, rows: np.ndarray, freq_offset: float, start: int
) -> Packet:
    """Second pass over a packet whose header is known: everything known serves as pilots.

    A long re-encoded header makes twelve more training symbols, so the channel estimate costs
    0.05 dB in place of the 0.35 dB of the two alone; a short one three more, and 0.1 dB in channels of few delays.

    Args:
        rows: complex64 [training + header_symbols + body_symbols, n_occupied], the training symbols,
            header, and payload with its reference symbol.
        freq_offset: already removed, cycles per sample.
        start: stream position, for `Packet.start`.
    """
    p = profile
    rows = bursts.blank(rows, p.training_symbols)
    training = p.training_symbols
    rough, _ = estimate_channel(p, _training_response(p, rows[:training]))
    heads = training + p.header_symbols
    response = rows[:heads] * _known_head(p, header)
    known = pilot_values(p)[: len(rows) - training]
    pilots = rows[training:].take(p.pilot_index, axis=1) * known

    time = _symbol_times(p)[: len(rows)]
    gains = _common_gains(p, response[training:], pilots, rough)
    rate = rotation_rate(gains)
    turn = phasors(-rate * time[training:])
    since_training = time[training:] - time[:training].mean()
    drift, carrier = _drift(p, pilots * turn[:, None], rough, gains * turn, since_training)
    right = phasors(np.outer(time, -(rate + drift * carrier).astype(np.float32)))

    head = _head_estimate(p, response * right[:heads], rough)
    payload = rows[heads:] * right[heads:]
    pilots = payload.take(p.pilot_index, axis=1) * known[p.header_symbols :]
    lo, hi = packet_span(p, header.symbols, header.packets, header.packet)
    base = head.channel
    if (reference := p.reference(payload_symbols(p, hi - lo))) is not None:
        base = _moving_channel(p, head, payload[reference], pilots, time[heads:], reference)
        payload, pilots = (np.delete(x, reference, axis=0) for x in (payload, pilots))
        base = np.delete(base, reference, axis=0)
    channel, pilot_error = _payload_response(p, head, base, pilots)
    # Latents have power 1: noise in the channel estimate is as much noise of theirs.
    noise = bursts.payload_noise(pilot_error, head.noise) + head.doubt
    symbols, noise_var = _equalised(payload.take(p.data_index, axis=1), channel, noise)

    return Packet(
        header=header,
        symbols=symbols.ravel()[: hi - lo],
        noise_var=noise_var.ravel()[: hi - lo],
        channel=head.channel,
        noise=head.noise,
        evm_squared=_evm_squared(p, head, pilot_error),
        freq_offset=(freq_offset + (rate / (2 * np.pi)) / p.symbol_len) * p.samp_rate,
        clock_ppm=drift * p.fft_size / (2 * np.pi * p.symbol_len) * 1e6,
        start=start,
        profile=p,
    )


def _training_response(p: Profile, training: np.ndarray) -> np.ndarray:
    """Y X* of the training symbols that are not blanked, complex64 [1 or 2, n_occupied]."""
    return training[training.any(1)] * training_carriers(p).conj()


def _header_llr(p: Profile, rows: np.ndarray, channel: np.ndarray, noise: float) -> np.ndarray:
    """Log-likelihood ratios of the header's bits, float [n]: 4 Re(Y H*) / sigma^2 for BPSK, and
    1/sqrt(2) of that for both parts of QPSK."""
    at_pilots, training = channel[p.pilot_index], p.training_symbols
    pilots = rows.take(p.pilot_index, axis=1) * pilot_values(p)[: p.header_symbols]
    # The training symbols come before the header and have phase 0 by definition.
    anchor = len(at_pilots) * energy(channel) / len(channel)
    rate = rotation_rate(np.concatenate([[anchor] * training, pilots @ at_pilots.conj()]))
    turn = phasors(-rate * np.arange(training, training + p.header_symbols))[:, None]
    pilot_power = bursts.row_power(pilots * turn - at_pilots)
    row_noise = np.where(bursts.hit(pilot_power, noise), pilot_power, noise)[:, None]
    matched = (rows * (turn * channel.conj())).take(p.data_index, axis=1) / row_noise
    if p.kind.bits_per_symbol == 1:
        return 4 * matched.real.ravel()
    parts = np.stack([matched.real, matched.imag], axis=-1)
    return np.sqrt(8.0) * parts.ravel()


def _known_head(p: Profile, header: Header) -> np.ndarray:
    """Training symbols and re-encoded header, conjugated, complex64 [2 + header_symbols,
    n_occupied]."""
    training = p.training_symbols
    known = np.empty((training + p.header_symbols, len(p.occupied)), np.complex64)
    known[:training] = training_carriers(p).conj()
    pilots = pilot_values(p)[: p.header_symbols]
    header = header_carriers(p, header).conj()
    known[training:] = np.hstack([header, pilots]).take(p.carrier_order, axis=1)
    return known


@lru_cache(maxsize=32)
def _symbol_times(p: Profile) -> np.ndarray:
    """When training, header and payload symbols come, in OFDM symbols since the first of the
    header, float32 [training, header and body]. The training symbols have no prefix between them."""
    rows = np.arange(p.header_symbols + p.body_symbols(p.max_payload_symbols))
    training = -1 - np.arange(p.training_symbols)[::-1] * p.fft_size / p.symbol_len
    return np.concatenate([training, rows]).astype(np.float32)


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
    gain = np.convolve(gains, np.ones(min(9, len(gains)), np.float32), "same")
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
        response: complex64 [training + header_symbols, n_occupied], Y X*; carrier and clock are right.
        rough: complex64 [n_occupied], the channel as the training symbols have it; each symbol's
            phase against it is taken out first.
    """
    gain = response @ rough.conj()
    response = response * (gain.conj() / np.maximum(np.abs(gain), np.float32(1e-36)))[:, None]
    channel, fitted = estimate_channel(p, response)
    error = response - channel
    calm = bursts.calm_head(error)
    if not calm.all():
        response = response[calm]
        channel, fitted = estimate_channel(p, response)
        error = response - channel
    noise = _noise(error, channel, fitted + len(error) - 1)
    return _Head(channel, noise, error, noise * fitted / error.size)


def _moving_channel(
    p: Profile,
    head: _Head,
    received: np.ndarray,
    pilots: np.ndarray,
    time: np.ndarray,
    reference: int,
) -> np.ndarray:
    """The channel of every symbol of the body, on the line from its estimate in the head to that
    in the reference symbol; as far along it as noise does not explain the difference (W. James,
    C. Stein, "Estimation with quadratic loss", 1961).

    Args:
        received: complex64 [n_occupied], the reference symbol.
        pilots: complex64 [symbols, n_pilots], Y X* of the body.
        time: float [symbols], since the first symbol of the header.
        reference: which symbol of the body it is.

    Returns:
        complex64 [symbols, n_occupied].
    """
    response = received * training_carriers(p).conj()
    response[p.pilot_index] = pilots[reference]
    then, fitted = estimate_channel(p, response[None])
    # Its own phase against the head's is the pilots' matter.
    gain = complex(np.vdot(head.channel, then))
    change = then * np.complex64(gain.conjugate() / max(abs(gain), 1e-36)) - head.channel
    noise = head.noise * fitted + head.doubt * len(change)
    kept = max(0.0, 1 - noise / max(energy(change), 1e-36))
    middle = _symbol_times(p)[: len(head.error)].mean()
    share = (time - middle) / (time[reference] - middle)
    return head.channel + np.outer(share * np.float32(kept), change)


def _payload_response(
    p: Profile, head: _Head, base: np.ndarray, pilots: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The channel at every payload symbol, g_s B + dH_s: a common gain that moves about 1, and the
    change of the channel's shape.

    Args:
        base: complex64 [n_occupied] or [symbols, n_occupied], the channel as it is known.
        pilots: complex64 [symbols, n_pilots], Y X* at the pilots of the payload.

    Returns:
        complex64 [symbols, data_carriers]; and complex64 [symbols, n_pilots], what it leaves of
        the pilots unexplained.
    """
    at_pilots = base[..., p.pilot_index]
    power = np.maximum(np.sum(at_pilots.real**2 + at_pilots.imag**2, axis=-1), np.float32(1e-36))
    gain = np.sum(pilots * at_pilots.conj(), axis=1) / power
    gain[~pilots.any(1)] = 1  # a blanked symbol tells nothing
    gain = smooth_gains(gain, head.noise / float(np.mean(power)))[:, None]
    response, error = gain * base[..., p.data_index], pilots - gain * at_pilots
    first = max(2, p.header_symbols // 2)
    change = channel_change(p, head.channel, error, head.noise, first)
    if change is not None:
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


def _evm_squared(p: Profile, head: _Head, pilot_error: np.ndarray) -> float:
    """Error power over signal power, both after the channel, over header and pilots."""
    error = energy(head.error) + energy(pilot_error)
    signal = len(head.error) * energy(head.channel)
    signal += len(pilot_error) * energy(head.channel[p.pilot_index])
    return error / signal
