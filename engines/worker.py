# SPDX-License-Identifier: GPL-3.0-or-later
"""A bounded queue and one thread, so that inference does not stall the stream that feeds it."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Worker(Generic[Item]):
    """Calls `function` on each submitted item in a thread of its own, in order.

    An exception of `function` stops the worker and is raised again by `check` and
    `close`; nobody waits for a stopped worker.

    Args:
        function: takes an item. It must not submit to this worker: with a full queue it would
            wait for itself.
        depth: items that may wait, beside the one in work.
        drop_oldest: make room in a full queue by dropping its oldest item, and count it; else
            `submit` waits for room.
        name: of the thread.
    """

    def __init__(
        self,
        function: Callable[[Item], object],
        depth: int = 4,
        drop_oldest: bool = False,
        name: str = "percast-worker",
    ):
        if depth < 1:
            raise ValueError(f"a queue of depth {depth} can hold nothing")
        self._function = function
        self._depth = depth
        self._drop_oldest = drop_oldest
        self._queue: deque[Item] = deque()
        self._changed = threading.Condition()
        self._busy = False
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
        """Items that were submitted and are not finished, the one in work included."""
        with self._changed:
            return len(self._queue) + self._busy

    @property
    def full(self) -> bool:
        """Whether a submit would now wait, or drop something."""
        with self._changed:
            return len(self._queue) >= self._depth

    def submit(self, item: Item) -> bool | None:
        """Queues an item.

        Returns:
            True; False where the oldest waiting item was dropped for it; None where the worker
            has been closed, or was while this waited, and the item was not taken.

        Raises:
            BaseException: the one that stopped the worker, as `check` does.
        """
        with self._changed:
            if not self._drop_oldest:
                self._changed.wait_for(
                    lambda: len(self._queue) < self._depth or self._closing or self._error
                )
            self._raise()
            if self._closing:
                return None
            dropping = len(self._queue) >= self._depth
            if dropping:
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
            drain: finish what waits first; else only the item in work.

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
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing)
                if not self._queue:
                    return
                item = self._queue.popleft()
                self._busy = True
                self._changed.notify_all()
            try:
                self._function(item)
            except BaseException as error:  # kept, and raised again by check() and close()
                with self._changed:
                    self._error = error
                    self._queue.clear()
                    self._busy = False
                    self._changed.notify_all()
                return
            with self._changed:
                self._busy = False
                self._changed.notify_all()
