# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that end a run, and terminals that are lost with an ssh connection."""

import contextlib
import errno
import os
import signal
import stat
import sys
import termios
import threading
from collections.abc import Callable, Iterator

_AGAIN = 0.01  # seconds until an interrupt that was lost comes again
_latest: int = signal.SIGINT  # that came; in the background a shell has SIGINT ignored


def ending_signals() -> tuple[signal.Signals, ...]:
    """Ctrl-C, SIGTERM, and the SIGHUP of a lost terminal unless `nohup` has it ignored."""
    hangup = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    return (signal.SIGINT, signal.SIGTERM, *hangup)


def interrupt(number: int, frame: object) -> None:
    """Handler of an ending signal: ends what runs as Ctrl-C does.

    Raises:
        KeyboardInterrupt: always.
    """
    global _latest
    _latest = number
    heed(number)
    signal.default_int_handler(number, frame)


def never_lost() -> None:
    """From now on a KeyboardInterrupt that falls where Python can only print it (a destructor, the
    callback of a weak reference, as `import` has them) comes again, and is not printed."""
    if not isinstance(sys.unraisablehook, _Again):
        sys.unraisablehook = _Again(sys.unraisablehook)


class _Again:
    """See `never_lost`; all else goes on to the hook before."""

    def __init__(self, before: Callable[["sys.UnraisableHookArgs"], object]):
        self._before = before

    def __call__(self, lost: "sys.UnraisableHookArgs") -> None:
        if lost.exc_type is not KeyboardInterrupt:
            self._before(lost)
            return
        # Later, and not from here: what is raised in here is lost as well.
        timer = threading.Timer(_AGAIN, os.kill, (os.getpid(), _latest))
        timer.daemon = True
        timer.start()


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let ending signals wait until the block is done, whichever thread they come to. For what
    loses a KeyboardInterrupt: a compiler that calls Python from its own code only prints it."""
    came: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in filter(signal.getsignal, ending_signals()):  # those with a handler
            before[number] = signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


def heed(number: int) -> None:
    """What every handler of an ending signal does first. Writing to a terminal that is gone fails,
    and what a run has to tell and to close after SIGHUP must not fail with it."""
    if number == signal.SIGHUP:
        _let_go_of_lost_terminals()


def _let_go_of_lost_terminals() -> None:
    """Put nothing in the place of descriptors whose terminal has hung up."""
    for name in os.listdir("/proc/self/fd"):
        if _is_lost(int(name)):
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, int(name))
            os.close(nothing)


def _is_lost(file: int) -> bool:
    try:
        if not stat.S_ISCHR(os.fstat(file).st_mode):
            return False
        termios.tcgetattr(file)
    except OSError:  # closed meanwhile
        return False
    except termios.error as error:
        return error.args[0] == errno.EIO  # what is no terminal says ENOTTY
    return False
