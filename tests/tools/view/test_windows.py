# SPDX-License-Identifier: GPL-3.0-or-later
"""`--qt`: GNU Radio's own windows, drawn where nobody sees them."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("gnuradio.qtgui", reason="apt-get install gnuradio (with gr-qtgui)")
pytest.importorskip("PyQt5", reason="apt-get install python3-pyqt5")

from percast.errors import DeviceError
from percast.tools.view import windows

# The same command, with a look at each part of the window before it is closed.
LOOK = """
import sys, percast.tools.process
from percast.tools import cli
from percast.tools.view.windows import Windows
close = Windows.close
def look(self):
    for part in (self._label, *self._widgets):
        image = part.grab().toImage()
        colours = {image.pixel(x, y) for x in range(0, image.width(), 2) for y in
                   range(image.height() // 4, 3 * image.height() // 4)}
        print(len(colours), file=sys.stderr)
    close(self)
Windows.close = look
sys.exit(cli.main(sys.argv[1:]))
"""


def loopback(photos, *more: object) -> list[str]:
    words = ("loopback", "--source", photos, "--size", "128x128", "--metrics", "none", "--qt",
             "--json", *more)  # fmt: skip
    return list(map(str, words))


def test_pictures_and_plots_are_drawn_and_nothing_crashes_at_the_end(photos, monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")  # tells where a crash was
    command = [sys.executable, "-c", LOOK, *loopback(photos, "--frames", 15, "--fps", 8)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)  # nothing else is on stdout
    assert summary["received"] == summary["sent"] > 3  # a busy machine drops some before
    colours = [int(line) for line in done.stderr.splitlines() if line.isdigit()]
    # Frame and background are some; points and curves that are smoothed are more.
    assert len(colours) == 6 and min(colours) > 3, colours
    assert colours[0] > 500  # a photograph


def test_a_replay_has_windows_and_ends_with_its_recording(percast, photos, tmp_path):
    made = percast("tx", "--device", "file", "--args", tmp_path / "a.cf32", "--source", photos,
                   "--frames", 2, "--size", "128x128")  # fmt: skip
    assert made.code == 0, made.err
    run = percast("replay", tmp_path / "a.cf32", "--samp-rate", "4M", "--qt", "--json",
                  QT_QPA_PLATFORM="offscreen")  # fmt: skip
    assert run.code == 0 and run.json["received"] == 2, run.err


def test_without_a_display_one_line_says_so(percast, photos):
    run = percast(*loopback(photos, "--frames", 1), QT_QPA_PLATFORM="xcb", DISPLAY="")
    assert run.code == 3 and run.out == ""
    assert "--qt: no display" in run.complaint and "--view" in run.complaint


def test_without_qtgui_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "PyQt5", None)
    with pytest.raises(DeviceError, match="PyQt5") as error:
        windows.check(True)
    assert error.value.exit_code == 3 and "\n" not in str(error.value)
    windows.check(False)
