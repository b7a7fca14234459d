# SPDX-License-Identifier: GPL-3.0-or-later
"""A bounded queue of samples between two flowgraphs."""

import threading
from collections import deque

import numpy as np


class SampleQueue:
    """Arrays of samples on their way from one flowgraph to another.

    A radio runs in a flowgraph of its own, for drivers hang and radios are unplugged; what is
    modulated or received on this side of the queue goes on.

    Args:
        capacity: samples that may wait; an array that is longer goes into an empty queue.

    Attributes:
        total: samples that were ever put in.
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self.ended = False
        self.total = 0
        self._items: deque[tuple[np.ndarray, float | None]] = deque()
        self._waiting = 0
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """Samples in the queue."""
        return self._waiting

    def put(self, samples: np.ndarray, timeout: float = 0.0, gap: float | None = None) -> bool:
        """Append an array; False where there was no room within `timeout` seconds.

        Args:
            gap: where samples are missing before it, the time at which it was heard, seconds since
                1970.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._room_for(len(samples)), timeout):
                return False
            self._items.append((samples, gap))
            self._waiting += len(samples)
            self.total += len(samples)
            self._changed.notify_all()
            return True

    def take(self, timeout: float = 0.0) -> np.ndarray | None:
        """The oldest array; None where none came within `timeout` seconds."""
        item = self.take_with_gap(timeout)
        return None if item is None else item[0]

    def take_with_gap(self, timeout: float = 0.0) -> tuple[np.ndarray, float | None] | None:
        """Likewise, and the `gap` that it was put in with."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self.ended, timeout):
                return None
            if not self._items:
                return None
            item = self._items.popleft()
            self._waiting -= len(item[0])
            self._changed.notify_all()
            return item

    def end(self) -> None:
        """No more will be put in."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def _room_for(self, count: int) -> bool:
        return not self._items or self._waiting + count <= self.capacity
