# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a flowgraph: errors of its blocks, Ctrl-C, a clean stop."""

import signal
import threading
import time

POLL = 0.05  # seconds
DRAIN = 15.0  # seconds that pictures on their way are given after Ctrl-C


def run(graph) -> bool:
    """Run a flowgraph of `percast_blocks` until it is done, has failed or is interrupted.

    The first SIGINT or SIGTERM stops the source and lets pictures on their way arrive; the
    second stops at once.

    Returns:
        Whether it was interrupted.

    Raises:
        Exception: the first that a block met, after the graph has stopped.
    """
    signals = 0

    def note(*_) -> None:
        nonlocal signals
        signals += 1

    ours = threading.current_thread() is threading.main_thread()
    before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)} if ours else {}
    deadline = None
    try:
        graph.start()
        while not graph.wait_done(POLL) and not _error(graph):
            if signals and deadline is None:
                graph.finish()
                deadline = time.monotonic() + DRAIN
            if signals > 1 or (deadline and time.monotonic() > deadline):
                break
        graph.abort()
        graph.stop()
        graph.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if (error := _error(graph)) is not None:
        raise error
    return signals > 0


def _error(graph) -> Exception | None:
    return next((b.error for b in graph.percast_blocks if b.error is not None), None)
