# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 - the imports must follow importorskip
import csv
import io
import sys
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.training.records import log
from percast.errors import FileError


def test_going_on_drops_the_rows_of_steps_that_are_made_again(tmp_path):
    path = tmp_path / "curve.csv"
    table = log.Table(path, ["step", "mse"], 0)
    for step in (1, 2, 3):
        table.add({"step": step, "mse": step / 7})
    log.Table(path, ["step", "lpips", "mse"], 2).add({"step": 3, "lpips": 0.5})
    assert path.read_text().splitlines() == [
        "step,lpips,mse", "1,,0.142857", "2,,0.285714", "3,0.5,",
    ]  # fmt: skip


@pytest.mark.parametrize("damage", [b"\0\0\0\0", b"x,1\n", b"\n,\n", b"\xff\xfe,3\n"])
def test_rows_that_a_crash_damaged_are_left_out(tmp_path, damage):
    path = tmp_path / "curve.csv"
    path.write_bytes(b"step,mse\n1,0.5\n2,0.25\n" + damage)
    log.Table(path, ["step", "mse"], 5).add({"step": 6, "mse": 0.125})
    assert path.read_text().splitlines() == ["step,mse", "1,0.5", "2,0.25", "6,0.125"]


@pytest.mark.parametrize("damage", [b"no table at all\n1,2\n", b"\0" * 300_000, b""])
def test_a_curve_that_is_none_any_more_ends_in_a_line_or_begins_anew(tmp_path, damage):
    path = tmp_path / "curve.csv"
    path.write_bytes(damage)
    try:
        log.Table(path, ["step", "mse"], 5).add({"step": 6, "mse": 0.125})
    except FileError as error:
        assert "move it away" in str(error) and path.read_bytes() == damage
    else:
        assert path.read_text().splitlines() == ["step,mse", "6,0.125"]


def test_a_disk_that_is_full_on_going_on_leaves_the_curve_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "curve.csv"
    log.Table(path, ["step"], 0).add({"step": 1})
    whole = path.read_text()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(csv.DictWriter, "writerows", full)
    with pytest.raises(FileError, match="No space left"):
        log.Table(path, ["step"], 1)
    assert path.read_text() == whole


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0:00:00"), (59.7, "0:01:00"), (3599, "0:59:59"), (90061, "25:01:01")],
)
def test_a_duration_is_hours_minutes_seconds(seconds, text):
    assert log.duration(seconds) == text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_tells_the_time_left_of_a_run_that_goes_on(monkeypatch):
    """From half to three quarters in 90 seconds: another 90 for the rest."""
    pytest.importorskip("rich", reason="the progress bar needs rich")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(log, "time", SimpleNamespace(monotonic=iter([1000.0, 1090.0]).__next__))
    with log.progress_bar(0.5) as bar:
        bar(0.75, "12.0 images/s")
    last = terminal.getvalue()
    assert " 75%" in last and "0:01:30 left" in last and "12.0 images/s" in last


def test_there_is_no_bar_off_a_terminal(capsys):
    with log.progress_bar(0.0) as bar:
        bar(0.5, "12.0 images/s")
    assert capsys.readouterr().err == ""
