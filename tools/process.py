# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a process that runs flowgraphs; imported before anything that loads numpy."""

import contextlib
import io
import os
import select
import signal
import sys
from collections.abc import Iterator

from percast import home
from percast.signals import ending_signals

# numpy's threads otherwise take the cores from the engines.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# GNU Radio tells at level info that it did what it was asked to.
os.environ.setdefault("GR_CONF_LOG_LOG_LEVEL", "warn")
# Blocks give the interpreter up at every array operation; with the default of 5 ms a block that
# wants it back waits that long, and modem throughput falls by a fifth.
sys.setswitchinterval(5e-4)


def _mend_streams() -> None:
    """Open what of stdin, stdout and stderr was closed when the process began. Otherwise the next
    files take their numbers, and a driver's words end in one of them.

    Nothing is read, what is said on stderr goes nowhere, and what was asked for on stdout fails
    when it is written: a closed stdout takes no results.
    """
    for number, access in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, access)  # gets the lowest number that is free, which is this one
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as the interpreter's own
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115


_mend_streams()

# Leave without the interpreter's cleaning up. It would wait for a driver that does not stop; and
# windows of Qt and GNU Radio may crash when they are taken down.
at_once = False
watchman = None  # of a board that this driver may have left on the air


def stop_station(station: "Station") -> None:  # noqa: F821 - loads GNU Radio
    """Stop a radio; where its driver hangs, or may leave a board on the air, the process's end
    takes care of that."""
    global at_once, watchman
    station.stop()
    at_once |= station.hanging
    watchman = watchman or station.watchman


def leave_if_at_once(code: int) -> None:
    """End the process here and now where that is better than in order."""
    if at_once:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        home.leave()
        if watchman is not None:
            watchman.leave(code)
        os._exit(code)


class _Unheeded(io.FileIO):
    """Takes everything, whether it can be written or not."""

    def write(self, data) -> int:
        with contextlib.suppress(OSError):
            return super().write(data)
        return len(data)


def let_stderr_fail() -> None:
    """From now on nobody minds when stderr is full or its reader has gone: what is said there is
    for a person, and work and exit code do not depend on it."""
    if sys.stderr is sys.__stderr__:
        raw = _Unheeded(sys.stderr.fileno(), "w", closefd=False)
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(raw),
            sys.stderr.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )


def say(text: str) -> None:
    """One line to stderr, for the person at the terminal if there is one."""
    print(text, file=sys.stderr)


def stdout_broken() -> str:
    """Why what was printed cannot be written; empty if it is."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def stdout_unread() -> bool:
    """Whether the reader of what is printed has gone."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def silence_broken_streams() -> None:
    """The interpreter flushes once more at its end: it would complain in its own words, and end in
    an exit code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Let Ctrl-C and the like wait: in the midst of an import they come out as some package's
    ImportError."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ending_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
