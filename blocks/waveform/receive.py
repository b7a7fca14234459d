# SPDX-License-Identifier: GPL-3.0-or-later
"""The streaming receiver: samples in, packets of equalised symbols out."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from percast.blocks.waveform.demodulate import Packet, demodulate, read_header
from percast.blocks.waveform.formats.table import VERSION
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.ofdm import to_carriers
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import phasors
from percast.blocks.waveform.synchronise import (
    BLOCK,
    TIMING_SLACK,
    WINDOW_ADVANCE,
    Detection,
    Sync,
    detect,
    detection_sums,
    lagged_phase,
    locate,
    short_parts,
)
from percast.blocks.waveform.tones import ToneNotch
from percast.blocks.waveform.transmit import packet_span, payload_symbols

# The receiver's DC offset is averaged over whole blocks of the stream and taken off the blocks
# after them, so that the result does not depend on how the samples come in.
_DC_BLOCK = 4096
_DC_MEMORY = 16  # blocks
_DC_OUTLIER = 1e4  # power over the median's; such samples tell nothing of the DC offset
_WILD = np.float32(1e15)  # its square would still fit; what lies beyond is damage

log = logging.getLogger(__name__)


@dataclass
class ReceiverStats:
    """Counters of a receiver since it was made; `later_version` is the highest version of a
    header that it cannot read yet, 0 for none."""

    samples: int = 0
    bad_samples: int = 0
    detections: int = 0
    headers_lost: int = 0
    packets: int = 0
    later_version: int = 0


@dataclass(frozen=True)
class UnreadPacket:
    """A packet whose header could not be read.

    Args:
        profile: of its kind.
        freq_offset: carrier offset in Hz.
        start: stream position of the first training symbol after its guard, samples.
        version: of its header, where that is a later one than this receiver knows; or None.
    """

    profile: Profile
    freq_offset: float
    start: int
    version: int | None = None


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
        longest = max(kinds[0].preamble_len for kinds in short_parts(self.profile))
        return self.push(np.zeros(longest + 4 * TIMING_SLACK, np.complex64))

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
        families = short_parts(self.profile)
        window = families[0][0].short_len // BLOCK
        blocks = (len(self._buffer) - self.profile.short_period) // BLOCK
        if blocks < window:
            return None
        self._sum_up_to(blocks)
        found = [detect(kinds, self._buffer, self._corr, self._energy) for kinds in families]
        found = [d for d in found if d.first is not None]
        if not found:
            self._drop((blocks - window + 1) * BLOCK)
            return None
        first = min(d.first for d in found)
        # The start of a packet of one kind may look like the middle of another's.
        found = [d for d in found if d.first < first + 2 * window]
        starts = [d.summit() * BLOCK for d in found]
        needed = max(
            start
            + max(d.kinds[0].preamble_len + TIMING_SLACK, 2 * d.kinds[0].short_len + 5 * BLOCK)
            for d, start in zip(found, starts, strict=True)
        )
        if len(self._buffer) < needed:
            return self._wait_for(needed, first)
        syncs = [self._locate(d, start) for d, start in zip(found, starts, strict=True)]
        sync = max((s for s in syncs if s), key=lambda s: s.trained, default=None)
        if sync is None:
            self.stats.detections += 1
            self._drop(min(starts) + families[0][0].short_len // 2)
            return True
        p = sync.profile
        after_header = p.training_symbols * p.fft_size + p.header_symbols * p.symbol_len
        if len(self._buffer) < sync.start + after_header:
            return self._wait_for(sync.start + after_header + TIMING_SLACK, first)
        self.stats.detections += 1
        head = self._carriers(sync, 0, p.training_symbols + p.header_symbols)
        header = read_header(p, head)
        if not isinstance(header, Header):
            self._unread(sync, header)
            return True
        lo, hi = packet_span(p, header.symbols, header.packets, header.packet)
        rows = p.body_symbols(payload_symbols(p, hi - lo))
        self._pending = _Pending(
            sync, header, head, rows, sync.start + after_header + rows * p.symbol_len
        )
        return True

    def _wait_for(self, length: int, first: int) -> None:
        """Search again when the buffer is so long; what lies before block `first` is done with."""
        self._enough = length
        self._drop(max(0, first - 8) * BLOCK)

    def _locate(self, found: Detection, start: int) -> Sync | None:
        p = found.kinds[0]
        # Summed afresh: the running sums' rounding depends on where the buffer starts.
        short = self._buffer[start : start + p.short_len]
        freq = lagged_phase(short, p.short_period) / (2 * np.pi * p.short_period)
        return locate(found.kinds, self._buffer, start, freq)

    def _unread(self, sync: Sync, version: int | None) -> None:
        """A packet without a header; or with one of a later `version`."""
        if version is not None and version > self.stats.later_version:
            self.stats.later_version = version
            log.warning(
                "a packet has a header of version %d, and this percast reads up to %d: update it",
                version,
                VERSION,
            )
        self.stats.headers_lost += 1
        p = sync.profile
        offset = sync.freq_offset * p.samp_rate
        self.on_packet(UnreadPacket(p, offset, self._start(sync), version))
        self._drop(max(BLOCK, (sync.start - p.long_guard) // BLOCK * BLOCK))

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
        """OFDM symbols `first` up to `last` of a packet, carrier offset removed; the training
        symbols come first. Complex64 [last - first, n_occupied]."""
        p, n = sync.profile, sync.profile.fft_size
        starts = _window_starts(p)[first:last]
        turn = -2 * np.pi * sync.freq_offset
        wave = phasors(turn * np.arange(n))
        windows = np.empty((len(starts), n), np.complex64)
        training = max(0, p.training_symbols - first)
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
        p = pending.sync.profile
        first = p.training_symbols + p.header_symbols
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


@lru_cache(maxsize=32)
def _window_starts(profile: Profile) -> np.ndarray:
    """Where the FFT windows of a packet's symbols start, the training symbols first, samples,
    int [training, header and body]."""
    body = profile.body_symbols(profile.max_payload_symbols)
    rows = np.arange(profile.header_symbols + body)
    training = np.arange(profile.training_symbols) * profile.fft_size
    after = len(training) * profile.fft_size + profile.cp_len + rows * profile.symbol_len
    return np.concatenate([training, after])


def _block_dc(block: np.ndarray) -> complex:
    """Mean of complex64 [n] without outliers: one wild value would bury all others."""
    some = block[::64]
    some = some.real**2 + some.imag**2
    limit = _DC_OUTLIER * np.partition(some, len(some) // 2)[len(some) // 2]
    parts = block.view(np.float32)
    if 2 * max(parts.max(), -parts.min()) ** 2 > limit:  # else there cannot be any
        block = block[block.real**2 + block.imag**2 <= limit]
    return complex(block.sum()) / len(block)
