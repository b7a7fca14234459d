# SPDX-License-Identifier: GPL-3.0-or-later
"""The last seconds of what was heard, in memory."""

import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from percast.blocks.waveform.demodulate import Packet
from percast.blocks.waveform.receive import UnreadPacket

BLOCK = 1 << 16  # samples
SAMPLE = 8  # bytes of one


@dataclass(frozen=True)
class Capture:
    """Where what was heard is no continuation, and what holds from there on.

    Args:
        start: number of its first sample.
        freq: Hz, or None.
        heard: when that sample was, seconds since 1970.
        gap: samples are missing exactly there.
        newest: the last of its samples whose time is known: number and seconds since 1970.
    """

    start: int
    freq: float | None
    heard: float
    gap: bool
    newest: tuple[int, float]


@dataclass(frozen=True)
class Kept:
    """A stretch of what was heard.

    Args:
        first: number of the receiver's sample that it begins with.
        blocks: complex64 [n] each, one after the other.
        packets: that were found in it.
        captures: that it lies in: the first begins with it or before, the others within.
    """

    first: int
    blocks: Sequence[np.ndarray]
    packets: Sequence[Packet | UnreadPacket]
    captures: Sequence[Capture]

    def __len__(self) -> int:
        return sum(map(len, self.blocks))

    def heard(self, samp_rate: float) -> float:
        """When its first sample was, seconds since 1970: counted from the newest of the same
        capture, for a gap may have lasted."""
        number, at = self.captures[0].newest
        return at - (number - self.first) / samp_rate


class SampleRing:
    """Keeps the newest samples; memory is theirs and one block more, and as much again while a
    stretch of them is being written down.

    Samples come in one thread; any other may ask for them and is not waited for.

    Args:
        capacity: samples to keep.
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self._whole: deque[np.ndarray] = deque()
        self._block = np.empty(BLOCK, np.complex64)
        self._filled = 0
        self._end = 0  # number of the sample that comes next
        self._packets: deque[Packet | UnreadPacket] = deque()
        now = time.time()
        self._captures = [Capture(0, None, now, False, (0, now))]  # ascending
        self._lock = threading.Lock()

    def put(self, samples: np.ndarray) -> None:
        """Take complex64 [n], which is copied."""
        with self._lock:
            while len(samples):
                count = min(len(samples), BLOCK - self._filled)
                self._block[self._filled : self._filled + count] = samples[:count]
                self._filled += count
                self._end += count
                samples = samples[count:]
                if self._filled == BLOCK:
                    self._whole.append(self._block)
                    self._block, self._filled = np.empty(BLOCK, np.complex64), 0
            while (len(self._whole) - 1) * BLOCK + self._filled >= self.capacity:
                self._whole.popleft()
            self._date()
            begin = self._end - len(self._whole) * BLOCK - self._filled
            while len(self._captures) > 1 and self._captures[1].start <= begin:
                self._captures.pop(0)
            while self._packets and self._packets[0].start < begin:
                self._packets.popleft()

    def note(self, packet: Packet | UnreadPacket) -> None:
        """Remember a packet as long as its samples."""
        with self._lock:
            self._packets.append(packet)

    def _date(self) -> None:
        """Note that the newest sample was heard now."""
        for i in reversed(range(len(self._captures))):
            if self._captures[i].start < self._end:  # one may be told before its samples come
                self._captures[i] = replace(self._captures[i], newest=(self._end, time.time()))
                return

    def capture(
        self, start: int, freq: float | None, heard: float | None = None, gap: bool = False
    ) -> None:
        """Sample `start` is no continuation; see `RecordingWriter.capture`."""
        heard = time.time() if heard is None else heard
        with self._lock:
            place = bisect_right(self._captures, start, key=lambda c: c.start)
            if freq is None and place:
                freq = self._captures[place - 1].freq
            self._captures.insert(place, Capture(start, freq, heard, gap, (start, heard)))

    def last(self, count: int) -> Kept:
        """The newest `count` samples, or as many as there are."""
        with self._lock:
            blocks = [*self._whole, self._block[: self._filled].copy()]
            packets, captures, end = [*self._packets], [*self._captures], self._end
        surplus = sum(map(len, blocks)) - min(count, self.capacity)
        while surplus > 0:
            if len(blocks[0]) <= surplus:
                surplus -= len(blocks.pop(0))
            else:
                blocks[0], surplus = blocks[0][surplus:], 0
        first = end - sum(map(len, blocks))
        within = [c for c in captures if c.start > first]
        return Kept(first, blocks, packets, captures[-len(within) - 1 :])
