# SPDX-License-Identifier: GPL-3.0-or-later
"""gr-osmosdr's HackRF sink, stopped so that it does stop.

When it is to stop (0.2.4, `hackrf_sink_c::stop`), it waits until libhackrf no longer streams, and
is woken by the callback that returns to libhackrf that it should not. So it is woken *before*
libhackrf notes that. If the woken thread looks first, it finds the board streaming, waits again,
and nobody wakes it any more: `hackrf_stop_tx` is never called, and the board sends for ever. On a
machine with two busy cores that was so in three of four runs.
"""

import contextlib
import os
from collections.abc import Iterator

_SINK = "hackrf_sink"  # how GNU Radio names the sink's thread
_NICER = 10  # than the thread that wakes it, where other programs want this CPU, too


@contextlib.contextmanager
def woken_last() -> Iterator[None]:
    """Inside, that thread runs only when the one that wakes it has gone to sleep: all threads of
    this process share one CPU, and a thread for batches takes nobody's turn when it is woken. Where
    other programs take that turn, the nicer of the two is the last to get it back."""
    before = {thread: _cpus(thread) for thread in _threads()}
    one = {min(os.sched_getaffinity(0))}
    try:
        for thread in before:
            with contextlib.suppress(OSError):  # it has ended
                os.sched_setaffinity(thread, one)
                if _name(thread).startswith(_SINK):
                    os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))
                    nice = os.getpriority(os.PRIO_PROCESS, thread) + _NICER
                    os.setpriority(os.PRIO_PROCESS, thread, nice)
        yield
    finally:
        usual = before[os.getpid()]
        for thread in _threads():
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, before.get(thread) or usual)


def _threads() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/task")]


def _cpus(thread: int) -> set[int]:
    try:
        return os.sched_getaffinity(thread)
    except OSError:
        return set()


def _name(thread: int) -> str:
    with open(f"/proc/self/task/{thread}/comm") as file:
        return file.read()
