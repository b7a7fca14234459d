# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a process that runs flowgraphs; imported before anything that loads numpy."""

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator

from percast.signals import ending_signals

# numpy's threads otherwise take the cores from the engines.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# GNU Radio tells at level info that it did what it was asked to.
os.environ.setdefault("GR_CONF_LOG_LOG_LEVEL", "warn")
# Blocks give the interpreter up at every array operation; with the default of 5 ms a block that
# wants it back waits that long, and modem throughput falls by a fifth.
sys.setswitchinterval(5e-4)

# GNU Radio makes a folder in HOME when a graph starts, and OpenVINO's and our caches lie there.
if not os.access(os.environ.get("HOME") or os.devnull + "/", os.W_OK | os.X_OK):
    os.environ["HOME"] = tempfile.mkdtemp(prefix="percast-home-")

# A driver does not stop, and the interpreter would wait for it for ever: leave without cleaning up.
hanging = False
watchman = None  # of a board that this driver may have left on the air


def leave_if_hanging(code: int) -> None:
    """End the process here and now when a driver hangs."""
    if hanging:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        if watchman is not None:
            watchman.leave(code)
        os._exit(code)


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Let Ctrl-C and the like wait: in the midst of an import they come out as some package's
    ImportError."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ending_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
