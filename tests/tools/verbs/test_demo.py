# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from PIL import Image

from percast.tools.figures.contact_sheet import Cell, draw


@pytest.mark.timeout(300)  # HEVC and LDPC take their time on a busy machine
def test_the_demo_sends_photographs_and_makes_its_sheet(percast, tmp_path):
    received = tmp_path / "demo/received"
    received.mkdir(parents=True)
    (received / "frames.jsonl").write_text('{"file": "000100.png"}\n')  # of a demo before
    for name in ("000100.png", "mine.png"):
        (received / name).write_bytes(b"")
    run = percast("demo", "--out", tmp_path / "demo", "--json", timeout=280)
    assert run.code == 0, run.err
    assert run.json["sent"] == 60
    assert run.json["received"] >= 58
    assert run.json["channel"] == "tdl-c"
    with Image.open(tmp_path / "demo/contact_sheet.png") as sheet:
        assert sheet.width > 1100 and sheet.height > 1000
    left = {path.name for path in received.glob("*.png")}
    assert "mine.png" in left and "000100.png" not in left
    assert len(left) == run.json["received"] + 1


def test_an_unwritable_folder_is_exit_6(percast, tmp_path):
    (tmp_path / "file").write_text("")
    run = percast("demo", "--out", tmp_path / "file")
    assert run.code == 6
    assert "file" in run.complaint


def test_a_sheet_shows_every_picture():
    red = np.full((40, 60, 3), (255, 0, 0), np.uint8)
    blue = np.full((40, 60, 3), (0, 0, 255), np.uint8)
    columns = [("A", "a"), ("B", "b")]
    sheet = np.asarray(
        draw("title", ["line"], columns, [[Cell(red), Cell(blue)], [Cell(blue), Cell(None, "no")]])
    )
    assert (sheet == (255, 0, 0)).all(2).sum() == 2400
    assert (sheet == (0, 0, 255)).all(2).sum() == 4800
