# SPDX-License-Identifier: GPL-3.0-or-later
"""The streaming receiver: samples in, packets of equalised symbols out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from percast.blocks.waveform import kernels
from percast.blocks.waveform.demodulate import Packet, demodulate, read_header
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.stream.condition import Conditioner
from percast.blocks.waveform.stream.windows import carriers
from percast.blocks.waveform.synchronise import (
    BLOCK,
    TIMING_SLACK,
    WINDOW_ADVANCE,
    Sync,
    find,
    locate,
)
from percast.blocks.waveform.tones import ToneNotch
from percast.blocks.waveform.transmit import packet_span, payload_symbols


@dataclass
class ReceiverStats:
    """Counters of a receiver since it was made."""

    samples: int = 0
    bad_samples: int = 0
    detections: int = 0
    headers_lost: int = 0
    packets: int = 0


@dataclass(frozen=True)
class UnreadPacket:
    """A packet whose header could not be read.

    Args:
        freq_offset: carrier offset in Hz.
        start: stream position of the first training symbol after its guard, samples.
    """

    freq_offset: float
    start: int


@dataclass(frozen=True)
class _Pending:
    """A packet whose header is known and whose payload is still arriving."""

    sync: Sync
    header: Header
    head: np.ndarray
    payload_rows: int
    end: int


@dataclass
class Receiver:
    """Finds and demodulates packets in a stream of samples of any chunk sizes.

    Args:
        profile: the waveform.
        on_packet: called with every packet, also with those whose header is lost.

    NaN, infinite and absurdly large samples count as zeros (and in
    `stats.bad_samples`); a DC offset of the radio is tracked and removed.
    """

    profile: Profile
    stats: ReceiverStats = field(default_factory=ReceiverStats)
    on_packet: Callable[[Packet | UnreadPacket], None] = lambda packet: None

    def __post_init__(self) -> None:
        kernels.warm_up()
        self._buffer = np.zeros(0, np.complex64)
        self._origin = 0  # stream position of the buffer's first sample
        self._conditioner = Conditioner()
        self._notch = ToneNotch()
        self._pending: _Pending | None = None
        self._enough = 0  # buffer length before which a further search is no use

    def push(self, samples: np.ndarray) -> list[Packet]:
        """Take complex64 [n] and give back the packets that are now complete."""
        self._append(samples)
        packets = []
        while (packet := self._step()) is not None:
            if isinstance(packet, Packet):
                packets.append(packet)
        return packets

    def flush(self) -> list[Packet]:
        """What is still in the buffer, when no more samples will come."""
        return self.push(np.zeros(self.profile.preamble_len + 4 * TIMING_SLACK, np.complex64))

    def _append(self, samples: np.ndarray) -> None:
        samples = np.ascontiguousarray(samples, np.complex64)
        self.stats.samples += len(samples)
        samples = self._notch.process(self._conditioner.process(samples))
        self.stats.bad_samples = self._conditioner.bad_samples
        self._buffer = np.concatenate([self._buffer, samples])

    def _drop(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._origin += count
        self._enough = max(0, self._enough - count)

    def _step(self) -> "Packet | bool | None":
        """One thing done: a packet, True for progress, None when more samples are needed."""
        if self._pending:
            if len(self._buffer) < self._pending.end:
                return None
            return self._take_payload(self._pending)
        return self._search()

    def _search(self) -> bool | None:
        if len(self._buffer) < self._enough:
            return None
        p = self.profile
        window = p.short_len // BLOCK
        blocks = (len(self._buffer) - p.short_period) // BLOCK
        if blocks < window:
            return None
        found = find(p, self._buffer)
        if found is None:
            self._drop((blocks - window + 1) * BLOCK)
            return None
        first, best = found
        start = best * BLOCK
        header_end = start + p.preamble_len + p.header_symbols * p.symbol_len + 2 * TIMING_SLACK
        needed = max(header_end, start + 2 * p.short_len + 5 * BLOCK)
        if len(self._buffer) < needed:
            self._enough = needed
            self._drop(max(0, first - 8) * BLOCK)
            return None
        self.stats.detections += 1
        sync = locate(p, self._buffer, start)
        if sync is None:
            self._drop(start + p.short_len // 2)
            return True
        head = np.empty((2 + p.header_symbols, len(p.occupied)), np.complex64)
        self._carriers(sync, 0, len(head), head)
        header = read_header(p, head)
        if header is None:
            self.stats.headers_lost += 1
            offset = sync.freq_offset * p.samp_rate
            self.on_packet(UnreadPacket(offset, self._start(sync)))
            self._drop(start + p.short_len)
            return True
        lo, hi = packet_span(p, header.symbols, header.packets, header.packet)
        rows = payload_symbols(p, hi - lo)
        end = sync.start + 2 * p.fft_size + (p.header_symbols + rows) * p.symbol_len
        self._pending = _Pending(sync, header, head, rows, end)
        return True

    def _start(self, sync: Sync) -> int:
        """Stream position of the training symbols; the FFT windows lie a little before it."""
        return self._origin + sync.start + WINDOW_ADVANCE

    def _carriers(self, sync: Sync, first: int, last: int, out: np.ndarray) -> None:
        """OFDM symbols `first` up to `last` of a packet, carrier offset removed, into complex64
        [last - first, n_occupied]; 0 and 1 are the training symbols."""
        starts = _window_starts(self.profile)[first:last]
        carriers(self.profile, self._buffer, sync.start, starts, sync.freq_offset, out)

    def _take_payload(self, pending: _Pending) -> Packet:
        self._pending = None
        p = self.profile
        first = len(pending.head)
        rows = np.empty((first + pending.payload_rows, len(p.occupied)), np.complex64)
        rows[:first] = pending.head
        self._carriers(pending.sync, first, len(rows), rows[first:])
        packet = demodulate(
            p, pending.header, rows, pending.sync.freq_offset, self._start(pending.sync)
        )
        self._drop(pending.end)
        self.stats.packets += 1
        self.on_packet(packet)
        return packet


@lru_cache(maxsize=8)
def _window_starts(profile: Profile) -> np.ndarray:
    """Where the FFT windows of a packet's symbols start, the two training symbols first, samples,
    int [2 + header and payload]."""
    rows = np.arange(profile.header_symbols + profile.max_payload_symbols)
    after_training = 2 * profile.fft_size + profile.cp_len + rows * profile.symbol_len
    return np.concatenate([[0, profile.fft_size], after_training])
