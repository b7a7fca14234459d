# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of equalised symbols to whole pictures' worth of them, whatever is missing."""

from collections import deque
from dataclasses import dataclass
from math import log10
from statistics import fmean

import numpy as np

from percast.blocks.waveform.coding.interleaver import deinterleave
from percast.blocks.waveform.demodulate import Packet
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.transmit import packet_span

_REMEMBERED = 64  # pictures whose late packets are recognised


@dataclass(frozen=True)
class ReceivedImage:
    """All that arrived of one picture.

    Args:
        header: of one of its packets.
        symbols: complex64 [n] in latent order; 0 where nothing arrived.
        noise_var: float32 [n]; infinite where nothing arrived.
        lost_symbols: how many never arrived.
        snr_db: mean |H|^2 over mean sigma^2 of its packets, dB.
        evm_db: over pilots and re-encoded headers, dB.
        freq_offset: carrier offset of its last packet, Hz.
        clock_ppm: sample-clock offset, mean over its packets.
    """

    header: Header
    symbols: np.ndarray
    noise_var: np.ndarray
    lost_symbols: int
    snr_db: float
    evm_db: float
    freq_offset: float
    clock_ppm: float


class Reassembler:
    """Collects the packets of each picture.

    A picture is given out when it is complete, when its sender has gone on to another one, or
    when the stream has gone on past the time of its last packet. Packets of a picture that was
    given out already are left alone.

    Args:
        profile: the waveform.
    """

    def __init__(self, profile: Profile):
        self.profile = profile
        self._pictures: dict[tuple, list[Packet]] = {}
        self._finished: deque[tuple] = deque(maxlen=_REMEMBERED)

    def patience(self, last: Packet) -> int:
        """Samples from the start of a picture's `last` packet so far until all of it would have
        come, and a pause that is longer than any between its packets."""
        due = last.header.packets - last.header.packet + 2
        return due * last.profile.packet_len(last.profile.max_payload_symbols)

    def push(self, packet: Packet) -> list[ReceivedImage]:
        """Take a packet, give out the pictures that are finished by it."""
        key = _key(packet)
        if key in self._finished:
            return []
        session = packet.header.session
        left_behind = [k for k in self._pictures if k[0] == session and k != key]
        out = [self._finish(k) for k in left_behind]
        parts = self._pictures.setdefault(key, [])
        if all(p.header.packet != packet.header.packet for p in parts):
            parts.append(packet)
        if len(parts) == packet.header.packets:
            out.append(self._finish(key))
        return out

    def expire(self, position: int) -> list[ReceivedImage]:
        """The pictures that the stream, now at `position`, has left behind."""
        old = [
            key
            for key, packets in self._pictures.items()
            if position - packets[-1].start > self.patience(packets[-1])
        ]
        return [self._finish(k) for k in old]

    def flush(self) -> list[ReceivedImage]:
        """Give out the pictures in progress as they are."""
        return [self._finish(k) for k in list(self._pictures)]

    def _finish(self, key: tuple) -> ReceivedImage:
        self._finished.append(key)
        return assemble(self.profile, self._pictures.pop(key))


def _key(packet: Packet) -> tuple:
    h = packet.header
    return h.session, h.image, h.symbols, h.seed


def assemble(profile: Profile, packets: list[Packet]) -> ReceivedImage:
    """One picture from at least one of its packets."""
    header = packets[0].header
    symbols = np.zeros(header.symbols, np.complex64)
    variance = np.full(header.symbols, np.inf, np.float32)
    for packet in packets:
        lo, hi = packet_span(profile, header.symbols, header.packets, packet.header.packet)
        symbols[lo:hi], variance[lo:hi] = packet.symbols, packet.noise_var
    lost = int(np.isinf(variance).sum())
    symbols, variance = deinterleave(symbols, variance, header.seed)
    snr = fmean(p.signal for p in packets) / fmean(p.noise for p in packets)
    return ReceivedImage(
        header=header,
        symbols=symbols,
        noise_var=variance,
        lost_symbols=lost,
        snr_db=10 * log10(snr),
        evm_db=10 * log10(fmean(p.evm_squared for p in packets)),
        freq_offset=packets[-1].freq_offset,
        clock_ppm=fmean(p.clock_ppm for p in packets),
    )
