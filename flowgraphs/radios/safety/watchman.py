# SPDX-License-Identifier: GPL-3.0-or-later
"""A HackRF goes on sending until it is told to stop, whatever becomes of the program that told it
to send. Drivers hang, and programs crash and are killed: then a process beside them tells it.

Run as a script, without the rest of percast.
"""

import contextlib
import os
import signal
import subprocess
import sys

_RELEASE = 5.0  # seconds that a program which has ended may still hold its board
_LONGEST = 10  # seconds for all of it


class Watchman:
    """Watches over this process from now on until `dismiss`.

    Args:
        name: of its board; see `boards.switch_off`.
    """

    def __init__(self, name: str):
        self._process = subprocess.Popen(
            [*_this_script(), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=_stderr(),
            start_new_session=True,  # what ends a program from its terminal must not end this
        )

    def dismiss(self) -> None:
        """The board has been told to stop."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._process.communicate(b"off", timeout=_LONGEST)

    def leave(self, code: int) -> None:
        """End this process with that exit code, when the board is off.

        Its driver hangs, and holds the board for as long as this program runs. So another one takes
        its place in this process.
        """
        with contextlib.suppress(OSError):
            os.execv(sys.executable, [*_this_script(), str(self._process.pid), str(code)])


def _this_script() -> list[str]:
    return [sys.executable, "-S", "-E", __file__]


def _stderr() -> int | None:
    """Where this process tells of errors, which may not be descriptor 2."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _watch(name: str) -> None:
    """Until the other process has ended."""
    from boards import switch_off

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() == b"off":
        return
    signal.alarm(_LONGEST)
    off = switch_off(name, _RELEASE)
    if off:
        _say("the HackRF was still transmitting when its program ended: it has been switched off")
    elif off is False:
        _say("the HackRF may still be transmitting, and does not answer: unplug it")


def _wait(process: int, code: int) -> None:
    signal.signal(signal.SIGALRM, lambda *_: os._exit(code))
    signal.alarm(_LONGEST + 1)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process, 0)
    os._exit(code)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"percast: {text}\n".encode())


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _wait(int(sys.argv[1]), int(sys.argv[2]))
    else:
        _watch(sys.argv[1])
