# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGHUP, which a lost ssh connection leaves behind, ends a run as SIGTERM does."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from percast.signals import deferred

CLI = (sys.executable, "-m", "percast.tools.cli")


def receiver(folder: Path) -> list[str]:
    """A receiver that hears nothing, and records that."""
    return [*CLI, "rx", "--device", "zmq", "--args", f"ipc://{folder}/iq", "--json",
            "--record", f"{folder}/heard.sigmf-meta"]  # fmt: skip


def is_recording(folder: Path) -> bool:
    return (folder / "heard.sigmf-meta").exists()


def check_end(code: int, out: str, folder: Path) -> None:
    """With a summary, and a recording with its checksum."""
    assert code == 130
    assert json.loads(out)["received"] == 0
    assert "core:sha512" in json.loads((folder / "heard.sigmf-meta").read_text())["global"]


def wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("kind", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_a_receiver_with_its_summary_and_its_recording(popen, kind, tmp_path):
    process = popen(receiver(tmp_path), stdout=subprocess.PIPE, text=True)
    wait_until(lambda: is_recording(tmp_path))
    time.sleep(1)
    process.send_signal(kind)
    out, _ = process.communicate(timeout=90)
    check_end(process.returncode, out, tmp_path)


def test_a_signal_waits_for_what_would_lose_it():
    done = []
    with pytest.raises(KeyboardInterrupt), deferred():
        signal.raise_signal(signal.SIGINT)
        done.append(True)
    assert done


def test_under_nohup_a_run_goes_on(popen, tmp_path):
    process = popen(
        ["nohup", *receiver(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: is_recording(tmp_path))
    time.sleep(1)
    for _ in range(2):
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=90)
    check_end(process.returncode, out, tmp_path)


def test_a_run_whose_terminal_is_gone_ends_with_its_summary_and_its_recording(tmp_path):
    """With a progress bar on that terminal, and results in a file."""
    out = tmp_path / "out"
    child, terminal = pty.fork()
    if child == 0:
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT, 0o600), 1)
        os.execv(sys.executable, receiver(tmp_path))
    threading.Thread(target=drain, args=(terminal,), daemon=True).start()
    wait_until(lambda: is_recording(tmp_path))
    time.sleep(1)
    os.close(terminal)
    ended = []
    wait_until(lambda: ended.append(os.waitpid(child, os.WNOHANG)) or ended[-1][0], 30)
    check_end(os.waitstatus_to_exitcode(ended[-1][1]), out.read_text(), tmp_path)


def drain(terminal: int) -> None:
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        return


_LOST = """
import os, signal, sys, time
from percast.signals import interrupt, never_lost
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background
signal.signal(signal.SIGTERM, interrupt)
never_lost()
class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):
            pass
Dying()
time.sleep(10)
"""


def test_a_signal_that_python_can_only_print_comes_again():
    done = subprocess.run(
        [sys.executable, "-c", _LOST], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGINT
    assert "ignored" not in done.stderr and done.stderr.count("Traceback") == 1
