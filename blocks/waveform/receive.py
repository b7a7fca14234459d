# SPDX-License-Identifier: GPL-3.0-or-later
"""The streaming receiver: samples in, packets of equalised symbols out."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain

import numpy as np

from percast.blocks.waveform import kernels
from percast.blocks.waveform.demodulate import Packet, demodulate, read_header
from percast.blocks.waveform.estimate import projection_factors
from percast.blocks.waveform.formats.shared import list_symbols, unlisted
from percast.blocks.waveform.formats.table import VERSION
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.stream.condition import Conditioner
from percast.blocks.waveform.stream.tones import ToneNotch
from percast.blocks.waveform.stream.windows import carriers
from percast.blocks.waveform.synchronise import (
    BLOCK,
    TIMING_SLACK,
    WINDOW_ADVANCE,
    Sync,
    find,
    locate,
    short_parts,
)
from percast.blocks.waveform.transmit import packet_span, payload_symbols

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
        kernels.warm_up()
        for kind in chain(*short_parts(self.profile)):
            projection_factors(kind)  # a tenth of a second, for which the first packet would wait
        self._buffer = np.zeros(0, np.complex64)
        self._origin = 0  # stream position of the buffer's first sample
        self._conditioner = Conditioner()
        self._notch = ToneNotch()
        self._pending: _Pending | None = None
        self._tail = 0  # samples that still belong to the last packet
        self._end = math.inf  # stream position behind which a packet's samples never came
        self._enough = 0  # buffer length before which a further search is no use

    def push(self, samples: np.ndarray) -> list[Packet]:
        """Take complex64 [n] and give back the packets that are now complete; one for each picture
        where several share one."""
        self._append(samples)
        return self._packets()

    def flush(self) -> list[Packet]:
        """What is still in the buffer, when no more samples will come, or some are missing before
        those that come: of a packet that breaks off what arrived. The next packet is looked for in
        what comes."""
        self._end = position = self.stats.samples
        kinds = chain(*short_parts(self.profile))
        silence = max(kind.packet_len(0) for kind in kinds) + 4 * TIMING_SLACK
        self._buffer = np.concatenate([self._buffer, np.zeros(silence, np.complex64)])
        packets = self._packets()
        if self._pending:
            packets += pictures_of(self._take_payload(self._pending))
        self._buffer, self._origin = np.zeros(0, np.complex64), position
        self._end, self._tail, self._enough = math.inf, 0, 0
        return packets

    def _packets(self) -> list[Packet]:
        packets = []
        while (packet := self._step()) is not None:
            if isinstance(packet, Packet):
                packets += pictures_of(packet)
        return packets

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
        # What is left of a packet before silence would look like a short part: a few samples hold
        # all energy there, and few agree by chance.
        self._tail -= (left := min(self._tail, len(self._buffer)))
        self._drop(left)
        if len(self._buffer) < self._enough:
            return None
        families = short_parts(self.profile)
        window = families[0][0].short_len // BLOCK
        blocks = (len(self._buffer) - self.profile.short_period) // BLOCK
        if blocks < window:
            return None
        found = self._detected(families, 2 * window)
        if not found:
            self._drop((blocks - window + 1) * BLOCK)
            return None
        first = min(block for _, block, _ in found)
        # The start of a packet of one kind may look like the middle of another's.
        found = [
            (kinds, best * BLOCK) for kinds, block, best in found if block < first + 2 * window
        ]
        needed = max(
            start + max(kinds[0].preamble_len + TIMING_SLACK, 2 * kinds[0].short_len + 5 * BLOCK)
            for kinds, start in found
        )
        if len(self._buffer) < needed:
            return self._wait_for(needed, first)
        sync, seen_at, bare = None, 0, []
        for kinds, start in found:
            other = locate(kinds, self._buffer, start)
            if other is None:
                bare.append(start)
            elif sync is None or other.trained > sync.trained:
                sync, seen_at = other, start
            # Of all energy: 1 would be n. Nothing else can explain more than half.
            if sync is not None and sync.trained > sync.profile.fft_size / 2:
                bare.clear()
                break
        # What has no training symbols behind it may hide a packet of its own length that comes
        # later: then only one of another length was looked for there.
        past = min(bare, default=0) + families[0][0].short_len // 2
        if sync is None or (bare and seen_at > past + 2 * BLOCK):
            self.stats.detections += 1
            self._drop(past)
            return True
        p = sync.profile
        after_header = p.training_symbols * p.fft_size + p.header_symbols * p.symbol_len
        if len(self._buffer) < sync.start + after_header:
            return self._wait_for(sync.start + after_header + TIMING_SLACK, first)
        self.stats.detections += 1
        heads = p.training_symbols + p.header_symbols
        head = np.empty((heads, len(p.occupied)), np.complex64)
        self._carriers(sync, 0, heads, head, p.head_amplitude)
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

    def _detected(
        self, families: tuple[tuple[Profile, ...], ...], reach: int
    ) -> list[tuple[tuple[Profile, ...], int, int]]:
        """Short parts of each length: the kinds that have it, and what `find` says. None is looked
        for that would begin `reach` blocks after another, or later."""
        found, before = [], None
        for kinds in reversed(
            families
        ):  # short ones are also seen in long ones, and end the search
            if (blocks := find(kinds[0], self._buffer, before)) is not None:
                found.append((kinds, *blocks))
                before = min(block for _, block, _ in found) + reach
        return found

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

    def _carriers(
        self, sync: Sync, first: int, last: int, out: np.ndarray, amplitude: float = 1.0
    ) -> None:
        """OFDM symbols `first` up to `last` of a packet, its carrier offset removed and the
        `amplitude` that they are sent with, into complex64 [last - first, n_occupied]; the training
        symbols come first."""
        starts = _window_starts(sync.profile)[first:last]
        offset = sync.freq_offset
        carriers(sync.profile, self._buffer, sync.start, starts, offset, out, amplitude)

    def _take_payload(self, pending: _Pending) -> Packet:
        """The packet, or what came of it before the stream's end or a gap."""
        self._pending = None
        p, first = pending.sync.profile, len(pending.head)
        starts = _window_starts(p)[first : first + pending.payload_rows]
        last = self._end - self._origin - pending.sync.start - p.fft_size
        arrived = int(np.searchsorted(starts, last, "right"))
        rows = np.empty((first + arrived, len(p.occupied)), np.complex64)
        rows[:first] = pending.head
        self._carriers(pending.sync, first, len(rows), rows[first:])
        packet = demodulate(
            p, pending.header, rows, pending.sync.freq_offset, self._start(pending.sync)
        )
        self._drop(pending.end)
        self._tail = WINDOW_ADVANCE + p.window
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


def pictures_of(packet: Packet) -> list[Packet]:
    """The same packet, or what each of several pictures has of a shared one."""
    lead = packet.header
    if lead.packets:
        return [packet]
    first = list_symbols(packet.profile, lead.packet)
    headers = unlisted(packet.profile, lead, packet.symbols[:first], packet.noise_var[:first])
    parts = (
        slice(first + i * lead.symbols, first + (i + 1) * lead.symbols) for i in range(len(headers))
    )
    return [
        replace(packet, header=h, symbols=packet.symbols[part], noise_var=packet.noise_var[part])
        for h, part in zip(headers, parts, strict=True)
    ]
