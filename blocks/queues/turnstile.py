# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock that lets those in a hurry through first."""

import contextlib
import threading
from collections.abc import Iterator


class Turnstile:
    """One at a time. Whoever comes in a hurry is the next, however many others wait.

    A plain lock is no queue: a thread that lets go of it and takes it again at once, as a busy
    decoder does, may win against one that has waited for it all the time.

    Attributes:
        waiting: how many wait.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = False
        self.waiting = self._hurrying = 0

    @contextlib.contextmanager
    def turn(self, hurry: bool = False) -> Iterator[None]:
        """Hold it; to be used by `with`."""
        with self._changed:
            self.waiting += 1
            self._hurrying += hurry
            try:
                self._changed.wait_for(lambda: not self._taken and (hurry or not self._hurrying))
            finally:
                self.waiting -= 1
                self._hurrying -= hurry
            self._taken = True
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()
