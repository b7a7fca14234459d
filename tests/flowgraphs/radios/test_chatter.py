# SPDX-License-Identifier: GPL-3.0-or-later
"""What drivers print is counted, and kept off stdout."""

import os
import pty
import select
import subprocess
import sys

import pytest

PROGRAM = """
import logging, os, sys, time
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
from percast.flowgraphs.radios.chatter import Chatter
print("before")
with Chatter() as chatter:
    for text in sys.argv[2:]:
        os.write(2, text.encode())
        os.write(1, b"noise\\n")
        time.sleep(0.05)
    print("within")
    time.sleep(0.1)
counts = chatter.counts(sys.argv[1])
print("after", counts["overruns"], counts["underruns"])
os.write(1, b"free\\n")
"""


@pytest.mark.parametrize(
    ("driver", "texts", "overruns", "underruns"),
    [
        ("gr-osmosdr", ["O", "O", "UU"], 2, 2),
        ("gr-osmosdr", ["OOOUsing HackRF One\n"], 3, 0),
        ("gr-osmosdr", ["Using HackRF One\nUHD Warning: x\nOpening\n[INFO] [UHD] OO\n"], 0, 0),
        ("gr-osmosdr", ["D", "[INFO] x\nO"], 2, 0),
        ("gr-osmosdr", ["Usrp_sink :error: x\n"], 0, 0),
        ("gr-soapy", ["OsO", "sOsO", "sUtG", "sT"], 3, 1),
    ],
)
def test_letters_are_counted_and_the_rest_does_not_reach_stdout(driver, texts, overruns, underruns):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, driver, *texts],
        capture_output=True, text=True, timeout=30, env=os.environ,
    )  # fmt: skip
    counts = [str(overruns), str(underruns)]
    assert done.stdout.split() == ["before", "within", "after", *counts, "free"], done.stderr
    assert "driver: noise" in done.stderr


LATE = """
import ctypes, hashlib, os
from percast.flowgraphs.radios.chatter import Chatter

@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def driver(_):
    hashlib.pbkdf2_hmac("sha256", b"", b"", 500_000)
    os.write(2, b"late")

libc, thread = ctypes.CDLL(None), ctypes.c_ulong()
with Chatter():
    libc.pthread_create(ctypes.byref(thread), None, driver, None)
libc.pthread_join(thread, None)
"""


def test_what_a_thread_of_a_driver_prints_at_the_end_is_caught_too():
    """UHD's logger has one, and is late on a busy machine."""
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


ON_A_TERMINAL = """
import logging, os, sys, time
logging.basicConfig(level=sys.argv[1], format="percast: %(message)s", stream=sys.stderr)
from percast.flowgraphs.radios.chatter import Chatter
from percast.tools import report
with report.progress(3) as on_image, Chatter():
    for _ in range(200):
        os.write(2, b"driver error\\n")
    logging.warning("a warning")
    time.sleep(0.3)
    on_image({"snr_db": 20.0})
logging.warning("another")
"""


@pytest.mark.parametrize("level", ["INFO", "WARNING"])
def test_a_progress_bar_takes_no_warning_away(level):
    """It puts a stream of its own in the place of sys.stderr."""
    terminal, theirs = pty.openpty()
    done = subprocess.Popen([sys.executable, "-c", ON_A_TERMINAL, level], stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while data := _read(terminal):
            shown += data
        assert done.wait(30) == 0
    finally:
        done.kill()
    assert shown.count(b"percast: a warning") == shown.count(b"percast: another") == 1
    # Never again into the pipe that it came from.
    assert shown.count(b"driver error") == (200 if level == "INFO" else 0)
    assert b"1/3" in shown


def _read(terminal: int) -> bytes:
    """What is shown next; nothing when all who write have gone."""
    if not select.select([terminal], [], [], 30)[0]:
        return b""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # so Linux tells it
        return b""
