# SPDX-License-Identifier: GPL-3.0-or-later
"""The last seconds of what was heard, in memory."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from percast.blocks.waveform.demodulate import Packet
from percast.blocks.waveform.receive import UnreadPacket

BLOCK = 1 << 16  # samples
SAMPLE = 8  # bytes of one


@dataclass(frozen=True)
class Kept:
    """A stretch of what was heard.

    Args:
        first: number of the receiver's sample that it begins with.
        blocks: complex64 [n] each, one after the other.
        packets: that were found in it.
        freq: Hz that its first sample was heard at, or None.
        captures: (sample, Hz) from which the radio was tuned anew.
    """

    first: int
    blocks: Sequence[np.ndarray]
    packets: Sequence[Packet | UnreadPacket]
    freq: float | None
    captures: Sequence[tuple[int, float | None]]

    def __len__(self) -> int:
        return sum(map(len, self.blocks))


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
        self._captures: deque[tuple[int, float | None]] = deque(maxlen=64)
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
            begin = self._end - len(self._whole) * BLOCK - self._filled
            while self._packets and self._packets[0].start < begin:
                self._packets.popleft()

    def note(self, packet: Packet | UnreadPacket) -> None:
        """Remember a packet as long as its samples."""
        with self._lock:
            self._packets.append(packet)

    def capture(self, start: int, freq: float | None) -> None:
        """Sample `start` is no continuation; see `RecordingWriter.capture`."""
        with self._lock:
            self._captures.append((start, freq))

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
        freq = next((freq for start, freq in reversed(captures) if start <= first), None)
        return Kept(first, blocks, packets, freq, [c for c in captures if c[0] > first])
