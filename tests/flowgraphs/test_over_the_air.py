# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast tx` and `percast rx` as two processes on two computers with a radio each: real drivers
on fake boards (tests/standins), whose clocks lie 20 ppm apart, with path loss, noise and 8-bit
converters in between.

The air keeps to the clock and slows down where its boards cannot follow; nothing is lost in it.
Here it runs at a half or a quarter of the speed of the clock, so that a busy machine keeps up, but
for the tests that say otherwise. SoapySDR needs that most: SoapyHackRF gives buffers out of order
once its reader is late by one (65 ms at 2 Msps).
"""

import contextlib
import json
import re
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, crowding
from tests.standins.boards import HERE, Computer, Process, need

pytestmark = pytest.mark.timeout(240)  # s, of which a free machine needs a tenth

LONG = pytest.mark.long  # the others of its kind are enough for every day
DRIVERS = ("hackrf", "soapy", "uhd")
ARGS = {"hackrf": "", "soapy": "driver=hackrf", "uhd": "type=soapy,driver=hackrf"}
SPEED = 0.25
REAL_TIME = {"hackrf": 1.0, "soapy": 0.5, "uhd": 0.5}  # as far as the drivers go here
FPS = 8
MORE = 50  # pictures after those that count: a slow air empties buffers later than a sender reckons
CLI = ("-m", "percast.tools.cli")
LOSS = 40  # dB; with these gains and a noise figure of 15 dB the SNR is 25 dB at 2 Msps
TX_GAIN, RX_GAIN = "VGA=30", "LNA=24,VGA=24"
PICTURES = 30


def device(driver: str, rate: str = "2M") -> tuple[str, ...]:
    return ("--device", driver, "--args", ARGS[driver], "--freq", "2.4G", "--samp-rate", rate)


class Ends:
    """The two computers, and percast on them.

    Args:
        air: which they share.
        launch: the fixture.
        folder: for what is received.
        photos: what is sent, 64x64.
    """

    def __init__(self, air, launch, folder: Path, photos: Path):
        self._air, self._launch, self.folder, self.photos = air, launch, folder, photos
        self.left, self.right = air.computer("left"), air.computer("right")
        self.left.plug("a", ppm=10)
        self.right.plug("b", ppm=-10, noise_figure=15)

    def send(self, driver: str, *more: object, rate: str = "2M") -> Process:
        return self.send_from(self.left, driver, *more, rate=rate)

    def send_from(
        self, computer: Computer, driver: str, *more: object, rate: str = "2M"
    ) -> Process:
        return self._launch(
            computer, *CLI, "tx", "--source", self.photos, "--size", "64x64", *device(driver, rate),
            "--gain", TX_GAIN, "--json", *more,
        )  # fmt: skip

    def open_receiver(self, driver: str, *more: object, rate: str = "2M") -> Process:
        """A receiver that has its board, and loads its engine now."""
        receiver = self._launch(
            self.right, *CLI, "rx", "--size", "64x64", *device(driver, rate),
            "--gain", RX_GAIN, "--out", self.folder, "--json", *more,
        )  # fmt: skip
        receiver.wait_until(lambda: f"{driver} through" in receiver.err, 60)
        return receiver

    def receive(self, driver: str, *more: object, rate: str = "2M") -> Process:
        """A receiver whose radio is running."""
        receiver = self.open_receiver(driver, *more, rate=rate)
        receiver.wait_until(self.right.air.exists, 60)
        return receiver

    def jam(self) -> None:
        """A third board sends a tone in the band, 6 dB above the mean power of a packet."""
        third = self._air.computer("third")
        third.plug("c")
        self._launch(third, HERE / "tone.py", "send", "hackrf", 2e6, 2.4e9, 200e3, 30)

    def pictures(self) -> list[dict]:
        """What has been received so far."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self.folder / "frames.jsonl").read_text().splitlines(keepends=True)
            return [json.loads(line) for line in lines if line.endswith("\n")]
        return []

    def wait_for_more(self, receiver: Process, count: int = 5) -> None:
        """Until so many more pictures have come."""
        goal = len(self.pictures()) + count
        receiver.wait_until(lambda: len(self.pictures()) >= goal, 60)

    def wait_for_silence(self) -> None:
        """Until two seconds pass without a picture."""
        end = time.monotonic() + 40
        since, count = time.monotonic(), -1
        while time.monotonic() - since < 2:
            if len(self.pictures()) != count:
                since, count = time.monotonic(), len(self.pictures())
            assert since < end, "pictures still come"
            time.sleep(0.1)

    def wait_for_last(self, receiver: Process, last: int) -> None:
        """Until that picture has come, or none any more."""
        since, count = time.monotonic(), -1
        while time.monotonic() - since < 5:
            pictures = self.pictures()
            if pictures and pictures[-1]["id"] >= last:
                return
            if len(pictures) != count:
                since, count = time.monotonic(), len(pictures)
            assert receiver.popen.poll() is None, receiver.err
            time.sleep(0.1)


@pytest.fixture
def ends_at(air, launch, tmp_path, small_photos) -> Callable[[float], Ends]:
    """Makes the ends, on an air of some speed."""
    return lambda speed: Ends(air(loss=LOSS, speed=speed), launch, tmp_path / "out", small_photos)


@pytest.fixture
def ends(ends_at) -> Ends:
    return ends_at(0.5)


def interrupt(process: Process, kind: signal.Signals = signal.SIGINT) -> dict:
    """Ctrl-C or another signal; the JSON object that the process then prints."""
    process.popen.send_signal(kind)
    assert process.wait(40) == 130, process.err
    return json.loads(process.out)


def complaint(process: Process) -> str:
    """The last line on stderr, after checking that there is no traceback."""
    assert "Traceback" not in process.err, process.err
    return process.err.strip().splitlines()[-1]


def exchange(ends: Ends, driver: str, count: int, rate: str = "2M") -> tuple[float, dict]:
    """Send so many pictures; the share of them that arrived, and what the receiver says."""
    receiver = ends.receive(driver, rate=rate)
    sender = ends.send(driver, "--frames", count + MORE, "--fps", FPS, rate=rate)
    assert sender.wait(100 + count) == 0, sender.err
    sent = json.loads(sender.out)
    assert sent["sent"] >= count  # or the machine is too slow for any of this
    ends.wait_for_last(receiver, sent["sent"] - 1)
    arrived = {line["id"] for line in ends.pictures()}
    return sum(number < count for number in arrived) / count, interrupt(receiver)


@pytest.mark.parametrize(
    ("driver", "count"),
    [("hackrf", PICTURES), ("uhd", PICTURES // 3), pytest.param("soapy", PICTURES, marks=LONG)],
)
def test_photographs_cross_from_one_computer_to_the_other(driver, count, ends_at):
    need(driver)
    ends = ends_at(SPEED)
    arrived, received = exchange(ends, driver, count)
    assert arrived >= 0.9, received  # on a busy machine; the long test asks for more
    assert len(list(ends.folder.glob("*.png"))) == received["decoded"]
    assert received["snr_db_measured"] == pytest.approx(25, abs=1.5)
    assert received["freq_offset_hz_measured"] == pytest.approx(2.4e9 * 20e-6, rel=0.01)
    # Each short packet of 64x64 tells it to 6.5: this is the mean of 30 at least.
    assert received["clock_ppm_measured"] == pytest.approx(20, abs=6)


@LONG
@pytest.mark.timeout(400)
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("rate", ["2M", "4M"])
def test_ninety_nine_of_a_hundred_photographs_arrive(driver, rate, ends_at):
    """A test for a machine that is free."""
    need(driver)
    arrived, received = exchange(ends_at(REAL_TIME[driver]), driver, 200, rate)
    print(f"{driver} at {rate}: {arrived:.1%} of 200, {json.dumps(received)}")
    assert arrived >= 0.99, received


def of_readme(verb: str, **places: Path) -> list[object]:
    """The arguments of the command that README tells to type."""
    text = (ROOT / "README.md").read_text().replace("\\\n", "")
    (command,) = (
        line for line in text.splitlines()
        if line.startswith(f"percast {verb} --device hackrf") and "--dry-run" not in line
    )  # fmt: skip
    return [places.get(word, word) for word in shlex.split(command, comments=True)[1:]]


@LONG
def test_the_commands_of_the_readme_send_photographs(air, launch, tmp_path, photos):
    """Over a cable with 30 dB."""
    need("hackrf")
    air = air(loss=30, speed=SPEED)
    left, right = air.computer("left"), air.computer("right")
    left.plug("a", ppm=10)
    right.plug("b", ppm=-10, noise_figure=15)
    receiver = launch(right, *CLI, *of_readme("rx", received=tmp_path / "out"), "--json")
    receiver.wait_until(right.air.exists, 60)
    sender = launch(left, *CLI, *of_readme("tx", PHOTOS=photos), "--frames", PICTURES, "--json")
    assert sender.wait(100) == 0, sender.err
    time.sleep(10)  # the last pictures wait in the buffers of a slow air
    received = interrupt(receiver)
    print(json.dumps(received))
    assert received["received"] >= 0.9 * json.loads(sender.out)["sent"] >= 0.8 * PICTURES
    assert len(list((tmp_path / "out").glob("*.png"))) == received["decoded"]
    assert received["snr_db_measured"] > 10 and -35 < received["level"]["loudest_dbfs"] < -10


@LONG
@pytest.mark.parametrize("driver", ["soapy", "uhd"])
def test_a_transmitter_stays_until_its_last_picture_has_left(driver, ends_at):
    """At the speed of the clock, which a transmitter reckons with."""
    need(driver)
    need("hackrf")
    ends = ends_at(1)
    receiver = ends.receive("hackrf")
    sender = ends.send(driver, "--frames", 10, "--fps", 5)
    assert sender.wait(60) == 0, sender.err
    last = json.loads(sender.out)["sent"] - 1
    ends.wait_for_last(receiver, last)
    interrupt(receiver)
    assert last in {line["id"] for line in ends.pictures()}


@LONG
def test_a_receiver_joins_in_mid_stream_and_takes_a_restarted_transmitter(ends):
    need("hackrf")
    first = ends.send("hackrf", "--frames", 0, "--fps", 5)
    first.wait_until(ends.left.air.exists, 60)
    receiver = ends.receive("hackrf")
    ends.wait_for_more(receiver)
    first.popen.kill()
    first.popen.wait()
    second = ends.send("hackrf", "--frames", 0, "--fps", 5)
    receiver.wait_until(lambda: len({line["session"] for line in ends.pictures()}) == 2, 60)
    ends.wait_for_more(receiver)
    session = interrupt(second)["session"]
    received = interrupt(receiver)
    senders = [line["session"] for line in ends.pictures()]
    assert senders.count(session) >= 5
    assert len(list(ends.folder.glob("*.png"))) == len(senders) == received["decoded"]


@pytest.mark.parametrize("driver", ["hackrf", pytest.param("uhd", marks=LONG)])
def test_a_receiver_whose_board_is_unplugged_ends_in_3_and_keeps_its_pictures(driver, ends):
    need(driver)
    receiver = ends.receive(driver)
    ends.send(driver, "--frames", 0, "--fps", 5)
    ends.wait_for_more(receiver)
    ends.right.unplug("b")
    assert receiver.wait(40) == 3, receiver.err
    assert "no samples any more" in complaint(receiver)
    received = json.loads(receiver.out)
    assert received["decoded"] == len(ends.pictures()) >= 5
    assert len(list(ends.folder.glob("*.png"))) == received["decoded"]


@LONG
def test_a_transmitter_whose_board_is_unplugged_ends_in_3(ends):
    """And the receiver goes on."""
    need("hackrf")
    receiver = ends.receive("hackrf")
    sender = ends.send("hackrf", "--frames", 0, "--fps", 5)
    ends.wait_for_more(receiver, 2)
    ends.left.unplug("a")
    assert sender.wait(40) == 3, sender.err
    assert "no samples any more" in complaint(sender)
    assert json.loads(sender.out)["sent"] >= 2
    assert interrupt(receiver)["decoded"] >= 2


@LONG
def test_both_ends_come_back_when_their_boards_are_plugged_in_again(ends):
    need("soapy")
    receiver = ends.receive("hackrf", "--reconnect")
    sender = ends.send("hackrf", "--reconnect", "--frames", 0, "--fps", 5)
    ends.wait_for_more(receiver)
    for process, computer, board in ((receiver, ends.right, "b"), (sender, ends.left, "a")):
        computer.unplug(board)
        process.wait_until(lambda p=process: "trying again" in p.err, 40)
        computer.plug(board)
        process.wait_until(lambda p=process: "the radio is back" in p.err, 40)
        ends.wait_for_more(receiver)
    assert interrupt(sender)["reconnected"] == 1
    assert interrupt(receiver)["reconnected"] == 1


@LONG
def test_photographs_cross_a_strong_tone_in_the_band(ends_at):
    need("hackrf")
    ends = ends_at(SPEED)
    ends.jam()
    arrived, received = exchange(ends, "hackrf", PICTURES)
    assert arrived >= 0.9, received


@LONG
def test_both_ends_take_another_frequency_and_gain_while_they_run(ends, percast, tmp_path):
    need("hackrf")
    receiver = ends.receive("hackrf", "--control", f"ipc://{tmp_path}/rx")
    sender = ends.send("hackrf", "--control", f"ipc://{tmp_path}/tx", "--frames", 0, "--fps", 5)
    ends.wait_for_more(receiver)

    def tune(end: str, *settings: str) -> dict:
        done = percast("tune", "--control", f"ipc://{tmp_path}/{end}", "--json", *settings)
        assert done.code == 0, done.err
        return done.json["took"]

    tune("rx", "--freq", "2.45G")
    ends.wait_for_silence()
    tune("tx", "--freq", "2.45G")
    ends.wait_for_more(receiver)
    loud = ends.pictures()[-1]["snr_db"]
    assert tune("tx", "--gain", "VGA=20")["gain"] == {"AMP": 0, "VGA": 20}
    receiver.wait_until(lambda: ends.pictures()[-1]["snr_db"] < loud - 5, 60)  # of 10 dB
    interrupt(sender)
    assert interrupt(receiver)["radio"]["took"]["freq"] == 2.45e9


def test_what_a_board_hears_is_recorded_and_decoded_again(ends, percast, tmp_path):
    need("hackrf")
    heard = tmp_path / "heard.sigmf-meta"
    control = f"ipc://{tmp_path}/rx"
    receiver = ends.receive("hackrf", "--record", heard, "--control", control, "-v")
    ends.send("hackrf", "--frames", 0, "--fps", 5)
    ends.wait_for_more(receiver)
    assert percast("tune", "--control", control, "--freq", "2.40002G").code == 0
    ends.wait_for_more(receiver)
    said = r"\d headers lost, \d+ dropped, SNR \d+\.\d dB, offset \d+ Hz, radio: loudest -\d+ dBFS"
    receiver.wait_until(lambda: re.search(said, receiver.err), 20)
    received = interrupt(receiver)
    meta = json.loads(heard.read_text())
    assert meta["global"]["core:hw"] == "hackrf, gr-osmosdr"
    captures = [(c["core:sample_start"], c["core:frequency"]) for c in meta["captures"]]
    assert captures[0] == (0, 2.4e9)
    assert captures[-1][0] > 0 and captures[-1][1] == 2.40002e9
    again = percast("replay", heard, "--json")
    assert again.code == 0, again.err
    assert again.json["received"] == received["received"] >= 10


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_releases_the_board_whenever_it_comes(kind, ends):
    need("hackrf")

    early = ends.open_receiver("hackrf")
    early.popen.send_signal(kind)
    assert early.wait(40) == 130 and "Traceback" not in early.err, early.err
    assert interrupt(ends.receive("hackrf"), kind)["received"] == 0
    ends.open_receiver("hackrf")


def test_a_board_cannot_send_and_receive_at_once(ends):
    need("hackrf")
    receiver = ends.receive("hackrf")
    second = ends.send_from(ends.right, "hackrf")
    assert second.wait(40) == 3, second.err
    assert "in use" in complaint(second) and "one board for each" in complaint(second)
    interrupt(receiver)


@pytest.mark.parametrize("driver", DRIVERS)
def test_without_a_board_one_line_says_so_within_ten_seconds(driver, air, launch):
    need(driver)
    bare = air().computer("bare")
    start = time.monotonic()
    process = launch(bare, *CLI, "rx", *device(driver))
    assert process.wait(40) == 3, process.err
    assert time.monotonic() - start < 10 * crowding()
    (line,) = process.err.strip().splitlines()
    assert "found" in line and "--args" in line and "percast devices" in line
