# SPDX-License-Identifier: GPL-3.0-or-later
"""A transmitter's carrier is off when its program has ended, in whatever way that was.

A board goes on with what it was told last; `Computer.mode` says what that was.
"""

import json
import os
import signal
import threading
import time

import pytest

from percast.flowgraphs.radios.safety.stopping import woken_last
from tests.standins.boards import need

pytestmark = pytest.mark.timeout(240)

LONG = pytest.mark.long
ARGS = {"hackrf": "", "soapy": "driver=hackrf", "uhd": "type=soapy,driver=hackrf"}
CLI = ("-m", "percast.tools.cli")
# An engine that fails at the third picture or so.
CRASHES = """
import sys
from percast.engines.codecs.learned import LearnedCodec
calls = []
def breaking(method):
    def call(self, what):
        calls.append(1)
        if len(calls) > 2:
            raise RuntimeError("the engine is broken")
        return method(self, what)
    return call
LearnedCodec.encode = breaking(LearnedCodec.encode)
LearnedCodec.encode_batch = breaking(LearnedCodec.encode_batch)
from percast.tools.cli import main
sys.exit(main())
"""


class Sender:
    """`percast tx` on a computer with one board."""

    def __init__(self, air, launch, photos):
        self.computer = air.computer("one")
        self._launch, self._photos = launch, photos

    def start(self, driver: str, *more: object, program: tuple = CLI, **board: float):
        self.computer.plug("a", **board)
        return self._launch(
            self.computer, *program, "tx", "--device", driver, "--args", ARGS[driver],
            "--freq", "2.4G", "--samp-rate", "2M", "--source", self._photos, "--size", "64x64",
            "--json", *more,
        )  # fmt: skip

    def on_air(self, driver: str, **board: float):
        process = self.start(driver, "--frames", 0, "--fps", 5, **board)
        process.wait_until(lambda: self.mode == "transmit", 60)
        time.sleep(0.5)
        return process

    @property
    def mode(self) -> str | None:
        return self.computer.mode("a")


@pytest.fixture
def sender(air, launch, small_photos) -> Sender:
    return Sender(air(), launch, small_photos)


@pytest.mark.parametrize("driver", ["hackrf", "uhd", pytest.param("soapy", marks=LONG)])
def test_at_the_end_of_the_pictures_the_board_is_off(driver, sender):
    """Three times: gr-osmosdr's sink, left alone, hangs in three runs of four. Other programs that
    want both cores may still bring that about once; the board is off then, too."""
    need(driver)
    hung = 0
    for _ in range(3):
        process = sender.start(driver, "--frames", 2)
        assert process.wait(60) == 0, process.err
        assert sender.mode == "off"
        hung += "does not let go" in process.err
        if driver != "hackrf" and not hung:
            break  # no other driver was ever seen to hang so
    assert hung <= 1


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("driver", ["hackrf", pytest.param("soapy", marks=LONG)])
def test_after_a_signal_the_board_is_off_and_the_summary_is_there(driver, kind, sender):
    need(driver)
    process = sender.on_air(driver)
    process.popen.send_signal(kind)
    assert process.wait(40) == 130, process.err
    assert sender.mode == "off"
    assert json.loads(process.out)["sent"] >= 1


def test_when_the_engine_fails_the_board_is_off(sender):
    need("hackrf")
    process = sender.start("hackrf", "--frames", 20, program=("-c", CRASHES))
    assert process.wait(60) == 1, process.err
    assert "the engine is broken" in process.err
    assert sender.mode == "off"


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGSEGV])
def test_when_the_program_is_killed_or_crashes_the_board_is_switched_off(kind, sender):
    need("hackrf")
    process = sender.on_air("hackrf")
    process.popen.send_signal(kind)
    assert process.wait(20) == -kind
    wait_until(lambda: "has been switched off" in process.err)
    assert sender.mode == "off"


@pytest.mark.parametrize("driver", ["hackrf", pytest.param("uhd", marks=LONG)])
def test_a_driver_that_hangs_is_told_and_its_board_switched_off(driver, sender):
    need(driver)
    process = sender.on_air(driver, hangs=1)
    process.popen.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130, process.err
    assert sender.mode == "off"
    (warning,) = [line for line in process.err.splitlines() if "may still be transmitting" in line]
    assert "unplug it" in warning
    assert "has been switched off" in process.err
    assert json.loads(process.out)["sent"] >= 1


def test_a_program_that_ended_well_leaves_no_process_behind(sender):
    need("hackrf")
    process = sender.on_air("hackrf")
    (watchman,) = children(process.popen.pid)
    process.popen.send_signal(signal.SIGTERM)
    assert process.wait(40) == 130, process.err
    assert not os.path.exists(f"/proc/{watchman}")


def test_threads_share_a_cpu_while_a_sink_is_stopped_and_no_longer():
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        before = os.sched_getaffinity(other.native_id)
        with woken_last():
            assert len(os.sched_getaffinity(other.native_id)) == 1
            assert os.sched_getaffinity(other.native_id) == os.sched_getaffinity(0)
        assert os.sched_getaffinity(other.native_id) == os.sched_getaffinity(0) == before
    finally:
        done.set()
        other.join()


def children(pid: int) -> list[int]:
    mine = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children") as file:
            mine += [int(word) for word in file.read().split()]
    return mine


def wait_until(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
