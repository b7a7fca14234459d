# SPDX-License-Identifier: GPL-3.0-or-later
"""Wide profiles as fast as their samples come. For a machine of two cores that is free: whatever
else it does is missing here."""

import time

import pytest
from PIL import Image

from tests.flowgraphs.test_over_the_air import Ends, interrupt
from tests.flowgraphs.traffic import record

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

SECONDS = 60
FPS = 2


def test_a_minute_of_ten_megahertz_is_decoded_within_a_minute(percast, photos, tmp_path):
    sent, air = tmp_path / "sent.sigmf-meta", tmp_path / "air.sigmf-meta"
    pictures = 2 * SECONDS
    run = percast("tx", "--source", photos, "--frames", pictures, "--profile", "wide-10m",
                  "--device", "file", "--args", sent)  # fmt: skip
    assert run.code == 0, run.err
    record(air, sent, SECONDS)
    run = percast("replay", air, "--profile", "wide-10m", "--metrics", "none", "--json")
    assert run.code == 0, run.err
    told = run.json
    print(f"replay of {SECONDS} s of wide-10m: {told['real_time_ratio']:.2f} times real time")
    assert told["decoded"] == pictures
    assert told["real_time_ratio"] >= 1


def test_twenty_megahertz_are_sent_as_fast_as_they_are_played(percast, photos, tmp_path):
    """Full traffic. Pictures and code cost nothing here, for no engine makes so many."""
    easy, path = tmp_path / "easy", tmp_path / "sent.cf32"
    easy.mkdir()
    for photo in photos.iterdir():
        Image.open(photo).resize((256, 256)).save(easy / f"{photo.stem}.bmp")
    run = percast("tx", "--source", easy, "--frames", 600, "--cbr", "1/2",
                  "--codec", "tests.flowgraphs.ready:Ready", "--profile", "wide-20m",
                  "--device", "file", "--args", path, "--json")  # fmt: skip
    assert run.code == 0, run.err
    took = run.json["sent"] / run.json["frames_per_second"]
    played = path.stat().st_size / 8 / 20e6
    print(f"{played:.2f} s of wide-20m in {took:.2f} s: {played / took:.2f} times real time")
    assert took <= played


def test_a_board_of_ten_megahertz_loses_no_sample_in_a_minute(air, launch, tmp_path, small_photos):
    ends = Ends(air(loss=40, speed=1), launch, tmp_path / "out", small_photos)
    # First, for starting it takes both cores.
    sender = ends.send("hackrf", "--profile", "wide-10m", "--fps", FPS, rate="10M")
    sender.wait_until(lambda: ends.left.mode("a") == "transmit", 60)
    receiver = ends.receive("hackrf", "--profile", "wide-10m", rate="10M")
    ends.wait_for_more(receiver, 1)
    time.sleep(SECONDS)
    told = interrupt(receiver)
    print(f"10 Msamples/s: {told['samples'] / 1e6:.0f} M, {told['decoded']} pictures")
    assert told["overruns"] == 0
    assert told["samples"] >= 0.95 * SECONDS * 10e6  # the air slows down for boards that are late
    assert told["decoded"] >= 0.9 * FPS * SECONDS
