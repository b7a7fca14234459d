# SPDX-License-Identifier: GPL-3.0-or-later
"""A bounded queue and one thread, so that inference does not stall the stream that feeds it."""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from itertools import takewhile
from typing import Generic, TypeVar

Item = TypeVar("Item")


def leading(
    waiting: Sequence[Item], kind: Callable[[Item], Hashable], most: Callable[[Item], int]
) -> int:
    """How many of the waiting items, from the oldest on, to take as a batch: all of one kind.

    A power of two, because engines that compile for every shape must not meet every number.

    Args:
        waiting: at least one item.
        kind: of an item; None for one that must stay alone.
        most: the largest batch for items like this one.
    """
    first = kind(waiting[0])
    if len(waiting) == 1 or first is None or (limit := most(waiting[0])) < 2:
        return 1
    alike = sum(1 for _ in takewhile(lambda item: kind(item) == first, waiting))
    return 1 << (min(alike, limit).bit_length() - 1)


class Worker(Generic[Item]):
    """Calls `function` on the submitted items in a thread of its own, in order.

    It never waits for a batch to fill: it takes what is there as soon as it is free.

    An exception of `function` stops the worker and is raised again by `check` and
    `close`; nobody waits for a stopped worker.

    Args:
        function: takes an item, or as many as `batch` says, as arguments. It must not submit to
            this worker: with a full queue it would wait for itself.
        depth: items that may wait, beside those in work.
        drop_oldest: make room in a full queue by dropping its oldest item, and count it; else
            `submit` waits for room.
        depth_at_start: items that may wait until the worker has caught up with its first ones, for
            which engines compile. If these too are not enough, it is `depth` at once.
        name: of the thread.
        batch: how many of the waiting items, oldest first, the next call takes. It is called
            while senders wait, and must be quick.
    """

    def __init__(
        self,
        function: Callable[..., object],
        depth: int = 4,
        drop_oldest: bool = False,
        name: str = "percast-worker",
        batch: Callable[[Sequence[Item]], int] = lambda waiting: 1,
        depth_at_start: int = 0,
    ):
        if depth < 1:
            raise ValueError(f"a queue of depth {depth} can hold nothing")
        self._function, self._batch = function, batch
        self._depth = depth
        self._room = max(depth, depth_at_start)  # items that may wait now
        self._drop_oldest = drop_oldest
        self._queue: deque[Item] = deque()
        self._changed = threading.Condition()
        self._busy = 0
        self._closing = False
        self._error: BaseException | None = None
        self._dropped = 0
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Items that were dropped to make room."""
        return self._dropped

    @property
    def pending(self) -> int:
        """Items that were submitted and are not finished, those in work included."""
        with self._changed:
            return len(self._queue) + self._busy

    def full(self, seconds: float = 0.0) -> bool:
        """Whether a submit would wait, or drop something; waits so long at most until it would
        not."""
        with self._changed:
            return not self._changed.wait_for(lambda: len(self._queue) < self._room, seconds)

    def submit(self, item: Item) -> bool | None:
        """Queues an item.

        Returns:
            True; False where the oldest that waited were dropped for it; None where the worker
            has been closed, or was while this waited, and the item was not taken.

        Raises:
            BaseException: the one that stopped the worker, as `check` does.
        """
        with self._changed:
            if not self._drop_oldest:
                self._changed.wait_for(
                    lambda: len(self._queue) < self._room or self._closing or self._error
                )
            self._raise()
            if self._closing:
                return None
            dropping = len(self._queue) >= self._room
            if dropping:
                self._room = self._depth
                while len(self._queue) >= self._depth:
                    self._queue.popleft()
                    self._dropped += 1
            self._queue.append(item)
            self._changed.notify_all()
            return not dropping

    def check(self) -> None:
        """Raises the exception that stopped the worker, if one did."""
        with self._changed:
            self._raise()

    def close(self, drain: bool = True) -> None:
        """Stops the worker and waits for its thread.

        Args:
            drain: finish what waits first; else only what is in work.

        Raises:
            BaseException: the one that stopped the worker, as `check` does.
        """
        with self._changed:
            self._closing = True
            if not drain:
                self._queue.clear()
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        self.check()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            while items := self._take():
                self._function(*items)
                with self._changed:
                    self._busy = 0
                    if len(self._queue) < self._depth:
                        self._room = self._depth
                    self._changed.notify_all()
        except BaseException as error:  # kept, and raised again by check() and close()
            with self._changed:
                self._error = error
                self._queue.clear()
                self._busy = 0
                self._changed.notify_all()

    def _take(self) -> list[Item]:
        """The next items to work on; none when the worker closes."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            if not self._queue:
                return []
            count = min(max(self._batch(self._queue), 1), len(self._queue))
            items = [self._queue.popleft() for _ in range(count)]
            self._busy = count
            self._changed.notify_all()
            return items
