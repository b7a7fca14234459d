# SPDX-License-Identifier: GPL-3.0-or-later
"""How much anybody may ask, and how much is said about those who ask too much."""

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

_PAUSE = 10.0  # seconds between two lines about the same thing


class Bucket:
    """So many calls a second, some of them at once.

    Args:
        rate, burst: calls per second, and at once.
        now: monotonic clock, seconds.
    """

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic):
        self._rate, self._burst, self._now = rate, burst, now
        self._left, self._last = burst, now()

    def take(self) -> bool:
        """Whether one more is allowed now."""
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._last) * self._rate)
        self._last = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Complaints:
    """Counts what was refused, and says so in one line now and then, whatever is thrown at us.

    Args:
        who: says so.

    Attributes:
        counts: by kind.
    """

    def __init__(self, who: str) -> None:
        self._who = who
        self._lock = threading.Lock()
        self._told: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    def add(self, kind: str, example: str = "") -> None:
        """Count one.

        Args:
            kind: what it was, one of few.
            example: more about this one; nothing secret.
        """
        now = time.monotonic()
        with self._lock:
            self.counts[kind] = count = self.counts.get(kind, 0) + 1
            if now - self._told.get(kind, -_PAUSE) < _PAUSE:
                return
            self._told[kind] = now
        text = "".join(c if c.isprintable() else "?" for c in example[:100])
        log.warning("%s: %s, %d so far%s", self._who, kind, count, f": {text}" if text else "")
