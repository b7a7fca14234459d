# SPDX-License-Identifier: GPL-3.0-or-later
"""Campaigns on the air, over stand-in radios: real drivers, two ends in processes of their own."""

import json
import re
import shutil
import time
from pathlib import Path

import pytest

from percast.blocks.images.zmq_keys import create_keys
from percast.blocks.recordings.reader import open_recording
from percast.errors import DeviceError
from percast.tools.campaign.store import Store
from tests.flowgraphs.test_over_the_air import CLI, LOSS
from tests.standins.boards import need, serial_number

PLAN = """
[campaign]
medium = "air"
note = "two stand-ins"
metrics = ["psnr"]
[pictures]
source = "{photos}"
frames = 5
[conditions]
snr = [8, 16]
cbr = "1/24"
realism = [0, 1]
[air]
profile = "robust-2m"
stage = "VGA"
gain_first = 14
timeout = 3
record = "{folder}/heard.sigmf-meta"
record_format = "ci8"
patience = 60
[transmitter]
device = "hackrf"
args = "{left}"
freq = "2.4G"
gain = "VGA=14"
{transmitter}
[receiver]
device = "hackrf"
args = "{right}"
freq = "2.4G"
gain = "LNA=24,VGA=24"
{receiver}
"""


def write_plan(folder: Path, photos: Path, left: str, right: str, **more: str) -> Path:
    """The plan, with more lines for `transmitter` and `receiver`."""
    path = folder / "bench.toml"
    lines = {"transmitter": "", "receiver": ""} | more
    path.write_text(PLAN.format(photos=photos, left=left, right=right, folder=folder, **lines))
    return path


@pytest.fixture
def bench(air, tmp_path, small_photos):
    """A computer with both boards, and the plan for them."""
    need("hackrf")
    computer = air(loss=LOSS, speed=0.5).computer("bench")
    left = computer.plug("a", ppm=5)
    right = computer.plug("b", ppm=-5, noise_figure=15)
    return computer, write_plan(tmp_path, small_photos, left, right)


def campaign(launch, computer, *words: object):
    return launch(computer, *CLI, "campaign", *words, "--json")


def rows_of(path: Path) -> list[dict]:
    if not path.exists():
        return []
    with Store.open(path) as store:
        return store.rows()


@pytest.mark.long
@pytest.mark.timeout(500)
def test_a_killed_coordinator_and_an_unplugged_radio_cost_nothing_but_the_wait(
    bench, launch, tmp_path
):
    """Twenty cells of ten transmissions, at SNRs that gains were found for. The coordinator is
    killed: both ends let go of their boards. It goes on; the receiver's board is unplugged, and
    comes back."""
    computer, plan = bench
    path = tmp_path / "air.sqlite"
    run = campaign(launch, computer, "run", plan, "--out", path)
    run.wait_until(lambda: len(rows_of(path)) >= 4, 120)
    run.popen.kill()
    run.popen.wait()
    end = time.monotonic() + 60
    while "transmit" in (modes := [computer.mode(board) for board in "ab"]) or "receive" in modes:
        assert time.monotonic() < end, "the ends keep their boards"
        time.sleep(0.1)
    kept = len(rows_of(path))
    run = campaign(launch, computer, "resume", path)
    run.wait_until(lambda: len(rows_of(path)) >= kept + 4, 120)
    computer.unplug("b")
    run.wait_until(lambda: "waiting for the receiver" in run.err, 60)
    before = len(rows_of(path))
    computer.plug("b", ppm=-5, noise_figure=15)
    assert run.wait(150) == 0, run.err
    assert json.loads(run.out)["cells_done"] == 20
    rows = rows_of(path)
    assert before < 20 and len({row["cell"] for row in rows}) == len(rows) == 20
    assert all(row["received"] and row["psnr_db"] > 10 for row in rows), rows
    for row in rows:
        assert row["snr_db_measured"] == pytest.approx(row["snr_db_set"], abs=2.5)
        assert row["freq_offset_hz"] == pytest.approx(24e3, rel=0.02)
        assert row["sent_at"] < row["received_at"] < time.time()
    gains = {row["snr_db_set"]: row["gain_db"] for row in rows}
    assert gains[16] - gains[8] == pytest.approx(8, abs=2)
    with Store.open(path) as store:
        frozen, events = store.frozen(), [text for _, text in store.events()]
    assert frozen["device"][0]["transmitter"]["took"]["freq"] == 2.4e9
    assert {p["snr_db"] for p in frozen["calibrations"][0]["points"]} == {8, 16}
    assert any("there again" in text for text in events)
    assert len(frozen["device"]) == 2, "both starts are written down"
    assert computer.mode("a") != "transmit", "the transmitter was left on the air"
    assert serial_number("a") in frozen["plan"]["toml"]
    heard = [open_recording(file) for file in tmp_path.glob("heard-*Z.sigmf-meta")]
    assert len(heard) >= 2 and all(each.samp_rate == 2e6 and each.length > 1e6 for each in heard)


@pytest.mark.long
@pytest.mark.timeout(500)
def test_ends_on_machines_of_their_own_are_reached_with_keys_and_may_start_again(
    air, launch, tmp_path, small_photos
):
    """Three machines: the coordinator has no radio. The receiver's machine loses its power and
    comes back; whoever has other keys is not answered."""
    need("hackrf")
    space = air(loss=LOSS, speed=0.5)
    desk, left, right = (space.computer(name) for name in ("desk", "left", "right"))
    boards = left.plug("a", ppm=5), right.plug("b", ppm=-5, noise_figure=15)

    def start(computer, name: str, port: int = 0):
        end = launch(computer, *CLI, "campaign", "end", "--control", f"tcp://*:{port or '*'}",
                     "--zmq-keys", tmp_path / name)  # fmt: skip
        end.wait_until(lambda: "waiting for a coordinator on tcp:" in end.err, 60)
        return end, int(re.search(r"tcp://\S+:(\d+)", end.err)[1])

    ends, reached = {}, {}
    for name, computer in (("transmitter", left), ("receiver", right)):
        create_keys(tmp_path / name, ["coordinator", "stranger"])
        theirs = tmp_path / f"{name}-for-the-desk"
        theirs.mkdir()
        for file in ("server.key", "coordinator.key_secret"):
            shutil.copy(tmp_path / name / file, theirs)
        ends[name] = start(computer, name)
        reached[name] = f'control = "tcp://127.0.0.1:{ends[name][1]}"\nkeys = "{theirs}"'
    plan = write_plan(tmp_path, small_photos, *boards, **reached)
    path = tmp_path / "air.sqlite"

    other = tmp_path / "other"
    create_keys(other, ["coordinator"])
    shutil.copy(tmp_path / "receiver" / "server.key", other)
    wrong = campaign(launch, desk, "run", plan, "--out", tmp_path / "no.sqlite",
                     "--set", f"receiver.keys={other}")  # fmt: skip
    assert wrong.wait(120) == DeviceError.exit_code, wrong.err
    assert "Traceback" not in wrong.err and "keys" in wrong.err

    run = campaign(launch, desk, "run", plan, "--out", path)
    run.wait_until(lambda: len(rows_of(path)) >= 6, 120)
    end, port = ends["receiver"]
    end.popen.kill()
    end.popen.wait()
    run.wait_until(lambda: "waiting for the receiver" in run.err, 100)
    start(right, "receiver", port)
    assert run.wait(200) == 0, run.err
    rows = rows_of(path)
    assert len({row["cell"] for row in rows}) == len(rows) == 20
    assert all(row["received"] and row["psnr_db"] > 10 for row in rows), rows
    for row in rows:
        assert row["snr_db_measured"] == pytest.approx(row["snr_db_set"], abs=2.5)
    assert left.mode("a") != "transmit", "the transmitter was left on the air"
