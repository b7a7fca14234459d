# SPDX-License-Identifier: GPL-3.0-or-later
"""Running campaigns: as `percast eval` measures, whoever computes, and whatever cuts it off."""

import json
import math
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from percast.errors import FileError
from percast.tools.campaign.store import Store
from tests.tools.campaign import plans

CLI = (sys.executable, "-m", "percast.tools.cli", "campaign")
TIMES = {"encode_s", "decode_s", "latency_s", "sent_at", "received_at", "worker", "attempts"}
"""Columns that two runs of the same may have different."""


def rows_of(path: Path) -> list[dict]:
    with Store.open(path) as store:
        return store.rows()


def timeless(path: Path) -> list[dict]:
    return [{k: v for k, v in row.items() if k not in TIMES} for row in rows_of(path)]


def everything(path: Path) -> list:
    """Rows, pictures and symbols."""
    with Store.open(path) as store:
        rows = timeless(path)
        pictures = [store.picture(row["cell"]) for row in rows]
        return [rows, pictures, [store.equalised(shot) for shot in {row["shot"] for row in rows}]]


@pytest.fixture(scope="module")
def undisturbed(percast, small_photos, tmp_path_factory) -> Path:
    """The small plan's store."""
    folder = tmp_path_factory.mktemp("undisturbed")
    path = folder / "whole.sqlite"
    plan = plans.write(folder, small_photos)
    run = percast("campaign", "run", plan, "--out", path, "--workers", 1, "--json")
    assert run.code == 0, run.err
    assert run.json["cells_done"] == run.json["cells"] == 24
    return path


@pytest.mark.parametrize(
    ("channel", "options"),
    [
        ('channel = "awgn"\nwaveform = false', ("--channel", "awgn")),
        ('channel = "awgn"', ("--channel", "awgn", "--waveform")),
    ],
    ids=["symbols", "waveform"],
)
def test_a_campaign_gives_the_figures_of_eval(channel, options, percast, small_photos, tmp_path):
    text = plans.SMALL.replace('channel = "awgn"\nwaveform = false', channel)
    plan, path = plans.write(tmp_path, small_photos, text), tmp_path / "x.sqlite"
    plans.run(path, plan)
    evaluated = percast(
        "eval", "--source", small_photos, "--cbr", "1/48,1/24", "--snr", "6,12", *options,
        "--seed", 5, "--metrics", "psnr", "--threads", 1, "--json",
    )  # fmt: skip
    assert evaluated.code == 0, evaluated.err
    rows = rows_of(path)
    for point in evaluated.json["points"]:
        ours = [
            row["psnr_db"]
            for row in rows
            if (row["cbr_asked"], row["snr_db_set"]) == (point["cbr_asked"], point["snr_db"])
        ]
        assert len(ours) == 6
        assert math.fsum(ours) / 6 == pytest.approx(point["psnr_db"], abs=1e-4)


def cut_off(path: Path, plan: Path, after: float) -> bool:
    """Start or resume, and kill -9 after so many seconds; whether it was done before that."""
    words = ("resume", path) if path.exists() else ("run", plan, "--out", path)
    process = subprocess.Popen(
        [*CLI, *map(str, words), "--workers", "1"], stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    # The time counts from the first cell on, or most kills would meet an interpreter that starts.
    began = _cells(path)
    while process.poll() is None and _cells(path) <= began:
        time.sleep(0.01)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
    error = process.communicate()[1]
    assert process.returncode in (0, -signal.SIGKILL), error
    return process.returncode == 0


def _cells(path: Path) -> int:
    if not path.exists():
        return 0
    with Store.open(path) as store:
        return store.counts()["cells_done"]


def _kill_again_and_again(kills: int, undisturbed: Path, photos: Path, folder: Path) -> int:
    plan, path = plans.write(folder, photos), folder / "killed.sqlite"
    rng, killed = random.Random(kills), 0
    while killed < kills:
        if cut_off(path, plan, rng.uniform(0, 0.05)):
            assert everything(path) == everything(undisturbed)
            path.unlink()
        else:
            killed += 1
    while not (path.exists() and _cells(path) == 24):
        cut_off(path, plan, 100)
    assert everything(path) == everything(undisturbed)
    return killed


@pytest.mark.timeout(300)
def test_a_campaign_killed_again_and_again_ends_as_an_undisturbed_one(
    undisturbed, small_photos, tmp_path
):
    """Row for row, apart from times; received pictures and symbols, too."""
    assert _kill_again_and_again(3, undisturbed, small_photos, tmp_path) == 3


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_fifty_random_kills_change_nothing(undisturbed, small_photos, tmp_path):
    assert _kill_again_and_again(50, undisturbed, small_photos, tmp_path) == 50


def test_a_full_disk_ends_it_in_6_and_it_goes_on_when_there_is_room(
    undisturbed, small_photos, tmp_path
):
    plan, path = plans.write(tmp_path, small_photos), tmp_path / "full.sqlite"
    room = os.stat(undisturbed).st_size // 2  # for every file: neither store nor journal may grow
    done = subprocess.run(
        [*CLI, "run", str(plan), "--out", str(path), "--workers", "1"],
        capture_output=True, text=True, check=False, timeout=100,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )  # fmt: skip
    assert done.returncode == 6 and "Traceback" not in done.stderr, done.stderr
    assert "resume" in done.stderr and str(path) in done.stderr
    assert 0 < _cells(path) < 24
    plans.resume(path)
    assert everything(path) == everything(undisturbed)


@pytest.mark.timeout(300)  # a busy machine takes its time to start workers
def test_two_workers_of_which_one_dies_give_the_same(popen, undisturbed, small_photos, tmp_path):
    """A local Dask cluster; the worker that did a cell is killed once there is one."""
    plan = plans.write(tmp_path, small_photos)
    for attempt in range(3):
        path = tmp_path / f"two-{attempt}.sqlite"
        process = popen(
            [*CLI, "run", str(plan), "--out", str(path), "--workers", "2"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while process.poll() is None and not _cells(path):
            time.sleep(0.01)
        killed = kill(int(rows_of(path)[0]["worker"].rpartition(":")[2]))
        error = process.communicate(timeout=280)[1]
        assert process.returncode == 0, error
        assert timeless(path) == timeless(undisturbed)
        if killed:
            return
    pytest.fail("the plan was always done before its worker could be killed")


def kill(pid: int) -> bool:
    """False where it had ended."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_cell_that_kills_every_worker_is_given_up_and_costs_no_other(
    percast, small_photos, tmp_path
):
    text = plans.SMALL.replace('model = "base"', 'codec = "tests.tools.campaign.deadly:Deadly"')
    plan, path = plans.write(tmp_path, small_photos, text), tmp_path / "deadly.sqlite"
    run = percast(
        "campaign", "run", plan, "--out", path, "--workers", 2, "--json",
        "--set", "pictures.frames=1", "--set", "conditions.snr=10",
        "--set", 'conditions.cbr=["1/96", "1/48", "1/24", "1/12"]', timeout=280,
    )  # fmt: skip
    assert run.code == 0, run.err
    assert run.json["cells_done"] == 3 and run.json["shots_given_up"] == 1
    rows = rows_of(path)
    assert len(rows) == 4
    for row in rows:
        deadly = row["cbr_asked"] == "1/24"
        assert (row["error"] == "its worker died 3 times") == deadly == (not row["received"])
        assert row["attempts"] == (3 if deadly else 1)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(
    popen, workers, small_photos, tmp_path, percast
):
    plan, path = plans.write(tmp_path, small_photos), tmp_path / "x.sqlite"
    process = popen(
        [*CLI, "run", str(plan), "--out", str(path), "--workers", workers, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while process.poll() is None and not _cells(path):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    if process.returncode == 0 or _cells(path) == 24:
        pytest.skip("it was done sooner than the signal came")
    assert process.returncode == 130, error
    assert "Traceback" not in error and "died" not in error
    told = json.loads(out)
    assert told["interrupted"] and 0 < told["cells_done"] == len(rows_of(path)) < 24
    assert f"percast campaign resume {path}" in error
    status = percast("campaign", "status", path, "--json").json
    assert status["cells_done"] == told["cells_done"] and status["at_work"] is False


def test_only_one_process_works_on_a_campaign(undisturbed):
    with Store.open(undisturbed, write=True) as first:
        with pytest.raises(FileError, match="another process"):
            Store.open(undisturbed, write=True)
        with Store.open(undisturbed) as reader:
            assert reader.at_work() and reader.counts() == first.counts()
    with Store.open(undisturbed) as reader:
        assert not reader.at_work()
    assert [path.name for path in undisturbed.parent.iterdir() if "whole" in path.name] == [
        undisturbed.name
    ], "something was left beside it"


def test_the_quick_plan_runs_through_the_real_waveform(percast, tmp_path):
    """One of its pictures; without --out the store lies where it was started, by plan and time."""
    pytest.importorskip("av")
    run = subprocess.run(
        [*CLI, "run", "quick", "--json", "--workers", "1", "--set", "pictures.frames=1",
         "--set", "campaign.metrics=psnr"],
        capture_output=True, text=True, check=False, timeout=110, cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["cells_done"] == told["cells"] == 12
    (path,) = tmp_path.glob("quick-20*Z.sqlite")
    rows = rows_of(path)
    assert {row["codec"] for row in rows} == {"learned", "hevc-ldpc"}
    ours = [row for row in rows if row["codec"] == "learned"]
    assert all(row["received"] and 18 < row["psnr_db"] < 35 for row in ours)
    assert all(row["air_s"] > 0 and row["overhead"] > 0 for row in rows if not row["error"])
