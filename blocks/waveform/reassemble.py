# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of equalised symbols to whole pictures' worth of them, whatever is missing."""

from dataclasses import dataclass, field

import numpy as np

from percast.blocks.waveform.header import Header
from percast.blocks.waveform.interleaver import deinterleave
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.demodulate import Packet
from percast.blocks.waveform.transmit import packet_span


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


@dataclass
class Reassembler:
    """Collects the packets of each picture.

    A picture is given out when it is complete, when a packet of another one arrives, or when
    the stream has gone on for `patience` samples without a further packet.
    """

    profile: Profile
    _packets: list[Packet] = field(default_factory=list)

    @property
    def patience(self) -> int:
        """Longer than the sender ever pauses between two packets of one picture."""
        return 3 * self.profile.packet_len(self.profile.max_payload_symbols)

    def push(self, packet: Packet) -> list[ReceivedImage]:
        """Take a packet, give out the pictures that are finished by it (0, 1 or 2)."""
        out = []
        if self._packets and _key(self._packets[0]) != _key(packet):
            out += self.flush()
        if all(p.header.packet != packet.header.packet for p in self._packets):
            self._packets.append(packet)
        if len(self._packets) == packet.header.packets:
            out += self.flush()
        return out

    def expire(self, position: int) -> list[ReceivedImage]:
        """The picture in progress if the stream, now at `position`, has left it behind."""
        if self._packets and position - self._packets[-1].start > self.patience:
            return self.flush()
        return []

    def flush(self) -> list[ReceivedImage]:
        """Give out the picture in progress as it is."""
        packets, self._packets = self._packets, []
        return [assemble(self.profile, packets)] if packets else []


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
    snr = np.mean([p.signal for p in packets]) / np.mean([p.noise for p in packets])
    return ReceivedImage(
        header=header,
        symbols=symbols,
        noise_var=variance,
        lost_symbols=lost,
        snr_db=float(10 * np.log10(snr)),
        evm_db=float(10 * np.log10(np.mean([p.evm for p in packets]))),
        freq_offset=packets[-1].freq_offset,
        clock_ppm=float(np.mean([p.clock_ppm for p in packets])),
    )
