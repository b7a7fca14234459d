# SPDX-License-Identifier: GPL-3.0-or-later
"""The streaming receiver: samples in, packets of equalised symbols out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from percast.blocks.waveform.demodulate import Packet, demodulate, read_header
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.ofdm import to_carriers
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import phasors
from percast.blocks.waveform.synchronise import (
    BLOCK,
    THRESHOLD,
    TIMING_SLACK,
    WINDOW_ADVANCE,
    Sync,
    detection_sums,
    first_broad,
    lagged_phase,
    locate,
    sliding_sum,
)
from percast.blocks.waveform.tones import ToneNotch
from percast.blocks.waveform.transmit import packet_span, payload_symbols

# The receiver's DC offset is averaged over whole blocks of the stream and taken off the blocks
# after them, so that the result does not depend on how the samples come in.
_DC_BLOCK = 4096
_DC_MEMORY = 16  # blocks
_DC_OUTLIER = 1e4  # power over the median's; such samples tell nothing of the DC offset
_WILD = np.float32(1e15)  # its square would still fit; what lies beyond is damage


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
        self._buffer = np.zeros(0, np.complex64)
        self._origin = 0  # stream position of the buffer's first sample
        # Of the buffer's first blocks: several searches may go over the same samples.
        self._corr, self._energy = np.zeros(0, np.complex64), np.zeros(0, np.float32)
        self._dc, self._dc_blocks = 0j, 0
        self._dc_block, self._dc_filled = np.zeros(_DC_BLOCK, np.complex64), 0
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
        parts = samples.view(np.float32)
        # NaN fails every comparison. The extremes say whether there is anything to look for.
        if len(parts) and not (parts.max() < _WILD and parts.min() > -_WILD):
            parts = np.abs(parts) < _WILD
            good = parts[::2] & parts[1::2]
            self.stats.bad_samples += len(samples) - int(good.sum())
            samples = np.where(good, samples, 0)
        samples = self._notch.process(self._without_dc(samples))
        self._buffer = np.concatenate([self._buffer, samples])

    def _without_dc(self, samples: np.ndarray) -> np.ndarray:
        out = np.empty_like(samples)
        done = 0
        while done < len(samples):
            part = samples[done : done + _DC_BLOCK - self._dc_filled]
            np.subtract(part, np.complex64(self._dc), out=out[done : done + len(part)])
            self._dc_block[self._dc_filled : self._dc_filled + len(part)] = part
            self._dc_filled += len(part)
            done += len(part)
            if self._dc_filled == _DC_BLOCK:
                self._dc_filled = 0
                self._dc_blocks = min(self._dc_blocks + 1, _DC_MEMORY)
                self._dc += (_block_dc(self._dc_block) - self._dc) / self._dc_blocks
        return out

    def _drop(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._origin += count
        self._enough = max(0, self._enough - count)
        blocks, off = divmod(count, BLOCK)
        if off:
            blocks = len(self._corr)
        self._corr, self._energy = self._corr[blocks:], self._energy[blocks:]

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
        self._sum_up_to(blocks)
        corr = sliding_sum(self._corr, window)
        strength = corr.real**2 + corr.imag**2
        over = np.flatnonzero(strength > THRESHOLD * sliding_sum(self._energy, window) ** 2)
        first = first_broad(p, self._buffer, strength, over)
        if first is None:
            self._drop((blocks - window + 1) * BLOCK)
            return None
        best = _summit(strength, first, window + 4)
        start = best * BLOCK
        header_end = start + p.preamble_len + p.header_symbols * p.symbol_len + 2 * TIMING_SLACK
        needed = max(header_end, start + 2 * p.short_len + 5 * BLOCK)
        if len(self._buffer) < needed:
            self._enough = needed
            self._drop(max(0, first - 8) * BLOCK)
            return None
        self.stats.detections += 1
        # Summed afresh: the running sums' rounding depends on where the buffer starts.
        short = self._buffer[start : start + p.short_len]
        freq = lagged_phase(short, p.short_period) / (2 * np.pi * p.short_period)
        sync = locate(p, self._buffer, start, freq)
        if sync is None:
            self._drop(start + p.short_len // 2)
            return True
        head = self._carriers(sync, 0, 2 + p.header_symbols)
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

    def _sum_up_to(self, blocks: int) -> None:
        known = len(self._corr)
        if blocks > known:
            rest = self._buffer[known * BLOCK :]
            corr, energy = detection_sums(self.profile, rest, blocks - known)
            self._corr = np.concatenate([self._corr, corr])
            self._energy = np.concatenate([self._energy, energy])

    def _carriers(self, sync: Sync, first: int, last: int) -> np.ndarray:
        """OFDM symbols `first` up to `last` of a packet, carrier offset removed; 0 and 1 are the
        training symbols. Complex64 [last - first, n_occupied]."""
        p, n = self.profile, self.profile.fft_size
        starts = _window_starts(p)[first:last]
        turn = -2 * np.pi * sync.freq_offset
        wave = phasors(turn * np.arange(n))
        windows = np.empty((len(starts), n), np.complex64)
        training = max(0, 2 - first)
        if training:
            lo = sync.start + starts[0]
            both = self._buffer[lo : lo + training * n].reshape(training, n)
            np.multiply(both, wave, out=windows[:training])
        lo = sync.start + starts[training] - p.cp_len
        rest = self._buffer[lo : lo + (len(starts) - training) * p.symbol_len]
        rest = rest.reshape(-1, p.symbol_len)[:, p.cp_len :]
        np.multiply(rest, wave, out=windows[training:])
        return to_carriers(p, windows, phasors(turn * starts))

    def _take_payload(self, pending: _Pending) -> Packet:
        self._pending = None
        p = self.profile
        first = 2 + p.header_symbols
        payload = self._carriers(pending.sync, first, first + pending.payload_rows)
        packet = demodulate(
            p,
            pending.header,
            np.concatenate([pending.head, payload]),
            pending.sync.freq_offset,
            self._start(pending.sync),
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


def _block_dc(block: np.ndarray) -> complex:
    """Mean of complex64 [n] without outliers: one wild value would bury all others."""
    some = block[::64]
    some = some.real**2 + some.imag**2
    limit = _DC_OUTLIER * np.partition(some, len(some) // 2)[len(some) // 2]
    parts = block.view(np.float32)
    if 2 * max(parts.max(), -parts.min()) ** 2 > limit:  # else there cannot be any
        block = block[block.real**2 + block.imag**2 <= limit]
    return complex(block.sum()) / len(block)


def _summit(strength: np.ndarray, start: int, reach: int) -> int:
    """Climb from `start` to a value that none of the next `reach` exceeds.

    The window's overlap with the short part, and so the correlation, peaks within the short
    part's length; a climb also gets past faint tones in the silence before it.
    """
    while (step := int(strength[start : start + reach].argmax())) > 0:
        start += step
    return start
