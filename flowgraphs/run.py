# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a flowgraph: errors of its blocks, Ctrl-C, a clean stop."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from percast.errors import DeviceError
from percast.signals import ending_signals, heed

log = logging.getLogger(__name__)

POLL = 0.05  # seconds
_STATUS = 5.0  # seconds between two lines of status
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


def run(
    graph: Runnable,
    seconds: float | None = None,
    status: Callable[[], str] | None = None,
    idle: Callable[[float], None] | None = None,
) -> Ending:
    """Run a flowgraph until it is done, has failed or is interrupted.

    The first SIGINT, SIGTERM or SIGHUP lets pictures on their way arrive; the second stops at
    once.

    Args:
        graph: to run.
        seconds: after which to finish as after the first signal, but not as interrupted.
        status: a line to log now and then.
        idle: spends so many seconds, in this thread, while the graph runs; for windows.

    Raises:
        DeviceError: GNU Radio cannot start, or the radio.
    """
    signals = 0

    def note(number: int, _) -> None:
        nonlocal signals
        signals += 1
        heed(number)

    ours = threading.current_thread() is threading.main_thread()
    before = {s: signal.signal(s, note) for s in ending_signals()} if ours else {}
    try:
        try:
            graph.start()
        except RuntimeError as error:
            raise DeviceError(f"GNU Radio cannot start: {error}") from error
        except DeviceError:
            _end(graph)
            raise
        _wait(graph, lambda: signals, seconds, status, idle)
        _end(graph)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    late = next((f for b in graph.percast_blocks if (f := getattr(b, "failure", None))), None)
    return Ending(signals > 0, _error(graph) or late)


def _end(graph: Runnable) -> None:
    graph.abort()
    graph.stop()
    graph.wait()


def _wait(
    graph: Runnable,
    signals: Callable[[], int],
    seconds: float | None,
    status: Callable[[], str] | None,
    idle: Callable[[float], None] | None,
) -> None:
    def done() -> bool:
        if idle is None:
            return graph.wait_done(POLL)
        idle(POLL)
        return graph.wait_done(0)

    finishing, still, last = False, 0, None
    started = told = time.monotonic()
    while not done() and not _error(graph) and signals() < 2:
        now = time.monotonic()
        if status is not None and now - told > _STATUS:
            log.info("%s", status())
            told = now
        if not signals() and (seconds is None or now - started < seconds):
            continue
        if not finishing:
            graph.finish()
            finishing = True
        progress = graph.progress()
        still = still + 1 if progress is not None and progress == last else 0
        last = progress
        if still > _STILL:
            return


def _error(graph: Runnable) -> Exception | None:
    return next((b.error for b in graph.percast_blocks if b.error is not None), None)
