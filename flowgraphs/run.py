# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a flowgraph: errors of its blocks, Ctrl-C, a clean stop."""

import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from percast.errors import DeviceError

POLL = 0.05  # seconds
_STILL = 20  # polls without any progress after which a finishing graph has finished


class Runnable(Protocol):
    """What `run` needs of a top block."""

    percast_blocks: Iterable

    def wait_done(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the last picture to be through."""

    def finish(self) -> None:
        """Take no more in; what is on its way still arrives."""

    def abort(self) -> None:
        """Let nothing wait any more, so that the graph can be stopped."""

    def progress(self) -> object | None:
        """Something that changes while things move; None while a worker is busy."""


@dataclass(frozen=True)
class Ending:
    """How a run ended: by Ctrl-C or not, and with the first error that a block met."""

    interrupted: bool
    error: Exception | None

    def check(self) -> None:
        """Raise the error, once results have been told."""
        if self.error is not None:
            raise self.error


def run(graph: Runnable) -> Ending:
    """Run a flowgraph until it is done, has failed or is interrupted.

    The first SIGINT or SIGTERM lets pictures on their way arrive; the second stops at once.

    Raises:
        DeviceError: GNU Radio cannot start.
    """
    signals = 0

    def note(*_) -> None:
        nonlocal signals
        signals += 1

    ours = threading.current_thread() is threading.main_thread()
    before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)} if ours else {}
    try:
        try:
            graph.start()
        except RuntimeError as error:
            raise DeviceError(f"GNU Radio cannot start: {error}") from error
        _wait(graph, lambda: signals)
        graph.abort()
        graph.stop()
        graph.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    late = next((f for b in graph.percast_blocks if (f := getattr(b, "failure", None))), None)
    return Ending(signals > 0, _error(graph) or late)


def _wait(graph: Runnable, signals: Callable[[], int]) -> None:
    finishing, still, last = False, 0, None
    while not graph.wait_done(POLL) and not _error(graph) and signals() < 2:
        if not signals():
            continue
        if not finishing:
            graph.finish()
            finishing = True
        now = graph.progress()
        still = still + 1 if now is not None and now == last else 0
        last = now
        if still > _STILL:
            return


def _error(graph: Runnable) -> Exception | None:
    return next((b.error for b in graph.percast_blocks if b.error is not None), None)
