# SPDX-License-Identifier: GPL-3.0-or-later
"""One packet's carriers to its header, and then to equalised symbols with their noise."""

from dataclasses import dataclass

import numpy as np

from percast.blocks.waveform import bursts, kernels
from percast.blocks.waveform.coding import header_code
from percast.blocks.waveform.estimate import (
    energy,
    estimate_channel,
    projection_factors,
)
from percast.blocks.waveform.formats.table import header_bytes, later_version
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.preamble import pilot_values
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import phasors
from percast.blocks.waveform.second_pass import (
    known_training,
    noise_variance,
    second_pass,
    training_response,
)
from percast.blocks.waveform.track import (
    rotation_grid,
    rotation_rate,
)
from percast.blocks.waveform.transmit import (
    header_as_sent,
    is_possible,
    packet_span,
    payload_symbols,
)


@dataclass(frozen=True)
class Packet:
    """What the receiver makes of one packet.

    Args:
        header: decoded, its CRC right.
        symbols: complex64 [n], equalised (Y/H), in the order on the air.
        noise_var: float32 [n], variance of the noise on each, sigma^2/|H|^2; infinite, and
            the symbol 0, where it never arrived.
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


def read_header(profile: Profile, rows: np.ndarray) -> Header | int | None:
    """First pass: the header, from the training symbols' channel estimate.

    Args:
        rows: complex64 [training + header_symbols, n_occupied], training symbols and header.

    Returns:
        None when its CRC is wrong, or it does not fit the profile; the number of its version where
        that is a later one than is known here.
    """
    p = profile
    rows = bursts.blank(rows, p.training_symbols)
    llr = _llr(p, _matched_header(p, rows))
    found: list[Header | int] = []

    def accept(bits: np.ndarray) -> bool:
        data = np.packbits(bits).tobytes()
        header = Header.unpack(data)
        if header is None:
            if (later := later_version(data)) is not None:
                found.append(later)
        elif header.version == p.kind.version and is_possible(p, header):
            found.append(header)
        return bool(found)

    header_code.decode(llr, 8 * header_bytes(p.kind.version), accept)
    return found[0] if found else None


def demodulate(
    profile: Profile, header: Header, rows: np.ndarray, freq_offset: float, start: int
) -> Packet:
    """Second pass over a packet whose header is known: everything known serves as pilots.

    A long re-encoded header makes twelve more training symbols, so the channel estimate costs
    0.05 dB in place of the 0.35 dB of the two alone; a short one three more, and 0.13 dB.

    Args:
        rows: complex64 [training + header_symbols + body_symbols, n_occupied], training symbols,
            header, and payload with its reference symbol, or as many of these as arrived;
            `head_amplitude` is taken out of what comes before the payload.
        freq_offset: already removed, cycles per sample.
        start: stream position, for `Packet.start`.
    """
    p = profile
    rows = bursts.blank(rows, p.training_symbols)
    lo, hi = packet_span(p, header.symbols, header.packets, header.packet)
    known_head = _known_head(p, header)
    body, reference = len(rows) - len(known_head), p.reference(payload_symbols(p, hi - lo))
    if reference is not None and reference >= body:
        reference = None
    count = min(hi - lo, (body - (reference is not None)) * p.data_carriers)
    if count == 0:
        rows = np.pad(rows, ((0, 1), (0, 0)))  # a symbol that tells nothing
    seen = second_pass(p, known_head, rows, count, reference)
    symbols, noise_var = seen.symbols, seen.noise_var
    if missing := hi - lo - count:
        symbols = np.pad(symbols, (0, missing))
        noise_var = np.pad(noise_var, (0, missing), constant_values=np.inf)
    return Packet(
        header=header,
        symbols=symbols,
        noise_var=noise_var,
        channel=seen.channel,
        noise=seen.noise,
        evm_squared=seen.evm_squared,
        freq_offset=(freq_offset + (seen.rate / (2 * np.pi)) / p.symbol_len) * p.samp_rate,
        clock_ppm=seen.drift * p.fft_size / (2 * np.pi * p.symbol_len) * 1e6,
        start=start,
        profile=p,
    )


def _matched_header(p: Profile, rows: np.ndarray) -> np.ndarray:
    """Y H* / sigma^2 of the header's symbols, complex64 [header_symbols, data_carriers].

    Args:
        rows: complex64 [training + header_symbols, n_occupied].
    """
    training = p.training_symbols
    if (fast := kernels.ready()) is not None:
        return fast.first_pass.matched_header(
            rows, known_training(p), pilot_values(p)[: p.header_symbols],
            p.pilot_index, p.data_index, rotation_grid(len(rows)), *projection_factors(p), training,
        )  # fmt: skip
    response = training_response(p, rows[:training])
    channel, fitted = estimate_channel(p, response)
    noise = noise_variance(response - channel, channel, fitted)
    rows = rows[training:]
    at_pilots = channel[p.pilot_index]
    pilots = rows.take(p.pilot_index, axis=1) * pilot_values(p)[: p.header_symbols]
    # The training symbols come before the header and have phase 0 by definition.
    anchor = len(at_pilots) * energy(channel) / len(channel)
    rate = rotation_rate(np.concatenate([[anchor] * training, pilots @ at_pilots.conj()]))
    turn = phasors(-rate * np.arange(training, training + p.header_symbols))[:, None]
    pilot_power = bursts.row_power(pilots * turn - at_pilots)
    row_noise = np.where(bursts.hit(pilot_power, noise), pilot_power, noise)[:, None]
    return (rows * (turn * channel.conj())).take(p.data_index, axis=1) / row_noise


def _llr(p: Profile, matched: np.ndarray) -> np.ndarray:
    """Log-likelihood ratios of the header's bits, float [n]: 4 Re(Y H*) / sigma^2 for BPSK, and
    1/sqrt(2) of that for both parts of QPSK."""
    if p.kind.bits_per_symbol == 1:
        return 4 * matched.real.ravel()
    return np.sqrt(8.0) * np.stack([matched.real, matched.imag], axis=-1).ravel()


def _known_head(p: Profile, header: Header) -> np.ndarray:
    """What takes training symbols and re-encoded header off, 1/X, complex64 [training +
    header_symbols, n_occupied]."""
    training = p.training_symbols
    known = np.empty((training + p.header_symbols, len(p.occupied)), np.complex64)
    known[:training] = known_training(p)
    np.reciprocal(header_as_sent(p, header), out=known[training:])
    return known
