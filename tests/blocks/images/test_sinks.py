# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from percast.blocks.images import open_sink, read_frames
from percast.errors import FileError, UsageError


def test_pictures_are_numbered_and_their_records_kept(tmp_path, make_rgb):
    folder = tmp_path / "new" / "results"
    with open_sink(str(folder)) as sink:
        for index in range(3):
            sink.write(make_rgb(64 + index, 64), {"id": 100 + index})
    assert sorted(os.listdir(folder)) == ["000000.png", "000001.png", "000002.png", "frames.jsonl"]
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "000002.png")), make_rgb(66, 64))
    expected = [{"id": 100 + index, "file": f"{index:06d}.png"} for index in range(3)]
    assert read_frames(folder) == expected


def test_a_line_is_there_as_soon_as_the_picture_is(tmp_path, make_rgb):
    with open_sink(str(tmp_path)) as sink:
        for index in range(3):
            sink.write(make_rgb(64, 64), {})
            assert len((tmp_path / "frames.jsonl").read_text().splitlines()) == index + 1


def test_nan_is_null_and_numpy_is_plain_json(tmp_path, make_rgb):
    record = {
        "psnr_db": float("nan"),
        "snr": np.float32("inf"),
        "lost": np.int64(3),
        "ok": np.bool_(True),
        "evm_db": [np.float64(-20.5), float("-inf")],
        "taps": np.arange(2),
        "nested": {"path": Path("a"), "none": None},
        "name": "\ud800ü",
    }
    with open_sink(str(tmp_path)) as sink:
        sink.write(make_rgb(64, 64), record)
    (frame,) = read_frames(tmp_path)
    assert frame == {
        "psnr_db": None,
        "snr": None,
        "lost": 3,
        "ok": True,
        "evm_db": [-20.5, None],
        "taps": [0, 1],
        "nested": {"path": "a", "none": None},
        "name": "\ud800ü",
        "file": "000000.png",
    }


def test_a_restarted_receiver_overwrites_nothing(tmp_path, make_rgb):
    for width in (64, 65):
        with open_sink(str(tmp_path)) as sink:
            sink.write(make_rgb(width, 64), {"width": width})
    (tmp_path / "001234567.png.txt").touch()
    (tmp_path / "000041.png").touch()
    with open_sink(str(tmp_path)) as sink:
        sink.write(make_rgb(66, 64), {"width": 66})
    files = [(frame["width"], frame["file"]) for frame in read_frames(tmp_path)]
    assert files == [(64, "000000.png"), (65, "000001.png"), (66, "000042.png")]


def test_a_number_is_not_given_twice_when_pictures_were_moved_away(tmp_path, make_rgb):
    with open_sink(str(tmp_path)) as sink:
        sink.write(make_rgb(64, 64), {})
    (tmp_path / "000000.png").unlink()
    with open_sink(str(tmp_path)) as sink:
        sink.write(make_rgb(64, 64), {})
    assert [frame["file"] for frame in read_frames(tmp_path)] == ["000000.png", "000001.png"]


def test_two_receivers_do_not_write_to_one_folder(tmp_path):
    with open_sink(str(tmp_path)):
        with pytest.raises(FileError, match="another receiver"):
            open_sink(str(tmp_path))
    open_sink(str(tmp_path)).close()


def test_a_half_line_of_a_killed_receiver_is_left_out_and_then_dropped(tmp_path, make_rgb):
    with open_sink(str(tmp_path)) as sink:
        sink.write(make_rgb(64, 64), {"id": 1})
    with open(tmp_path / "frames.jsonl", "a") as file:
        file.write('{"id": 2, "psn')
    assert [frame["id"] for frame in read_frames(tmp_path)] == [1]
    with open_sink(str(tmp_path)) as sink:
        sink.write(make_rgb(64, 64), {"id": 3})
    assert [frame["id"] for frame in read_frames(tmp_path)] == [1, 3]


def test_a_last_line_that_only_lacks_its_end_is_kept(tmp_path, make_rgb):
    (tmp_path / "frames.jsonl").write_text('{"id": 1}')
    with open_sink(str(tmp_path)) as sink:
        sink.write(make_rgb(64, 64), {"id": 2})
    assert [frame["id"] for frame in read_frames(tmp_path)] == [1, 2]


def test_damage_before_the_last_line_is_a_file_error(tmp_path):
    (tmp_path / "frames.jsonl").write_text('{"id": 1}\n{"id"\n{"id": 3}\n')
    with pytest.raises(FileError, match="line 2"):
        read_frames(tmp_path)


def test_a_folder_without_results_is_a_file_error(tmp_path):
    with pytest.raises(FileError, match="frames.jsonl"):
        read_frames(tmp_path)


def test_a_file_in_the_way_is_a_file_error(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(FileError, match="a file is in the way"):
            open_sink(str(path))


def test_a_folder_that_cannot_be_written_is_a_file_error():
    with pytest.raises(FileError, match="/proc/percast: cannot be created"):
        open_sink("/proc/percast")
    with pytest.raises(FileError, match="cannot be written"):
        open_sink("/proc")


def test_a_folder_removed_in_mid_run_is_a_file_error(tmp_path, make_rgb):
    folder = tmp_path / "out"
    with open_sink(str(folder)) as sink:
        (folder / "frames.jsonl").unlink()
        folder.rmdir()
        with pytest.raises(FileError, match="000000.png"):
            sink.write(make_rgb(64, 64), {})


# The kernel refuses what goes beyond the limit after writing what still fits, as on a full disk.
UNTIL_FULL = """
import resource, sys
import numpy as np
from percast.blocks.images import open_sink
from percast.errors import FileError
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
side, note = int(sys.argv[2]), "x" * int(sys.argv[3])
pictures = np.random.default_rng(0).integers(0, 256, (20, side, side, 3), dtype=np.uint8)
written = 0
with open_sink(sys.argv[1]) as sink:
    try:
        for rgb in pictures:
            sink.write(rgb if written else rgb[:8, :8], {"id": written, "note": note})
            written += 1
    except FileError as error:
        print(written, error, flush=True)
    if side == 64:
        sink.write(rgb[:8, :8], {"id": written})
"""


def run_until_full(folder, side, note):
    result = subprocess.run(
        [sys.executable, "-c", UNTIL_FULL, folder, str(side), str(note)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == ""
    written, message = result.stdout.split(" ", 1)
    return int(written), message


def test_no_room_for_a_line_leaves_whole_lines_with_their_pictures(tmp_path):
    written, message = run_until_full(tmp_path, side=8, note=900)
    assert written == 5
    assert "frames.jsonl: cannot be written (File too large); make room" in message
    text = (tmp_path / "frames.jsonl").read_text()
    assert text.endswith("}\n")
    frames = [json.loads(line) for line in text.splitlines()]
    assert [frame["id"] for frame in frames] == list(range(written))
    assert sorted(os.listdir(tmp_path)) == [f["file"] for f in frames] + ["frames.jsonl"]


def test_no_room_for_a_picture_leaves_earlier_ones_and_no_part_of_it(tmp_path):
    written, message = run_until_full(tmp_path, side=64, note=0)
    assert written == 1
    assert "000001.png: cannot be written (File too large); make room" in message
    # Once there is room again the sink goes on where it stopped.
    assert [frame["file"] for frame in read_frames(tmp_path)] == ["000000.png", "000001.png"]
    assert sorted(os.listdir(tmp_path)) == ["000000.png", "000001.png", "frames.jsonl"]
    Image.open(tmp_path / "000000.png").load()


def test_what_is_no_picture_is_not_written(tmp_path):
    with open_sink(str(tmp_path)) as sink:
        with pytest.raises(ValueError, match="uint8"):
            sink.write(np.zeros((64, 64, 3), np.float32), {})
    assert read_frames(tmp_path) == []


def test_without_out_nothing_is_kept(make_rgb):
    with open_sink(None) as sink:
        sink.write(make_rgb(64, 64), {"id": 1})


def test_an_empty_out_is_a_usage_error():
    with pytest.raises(UsageError, match="--out"):
        open_sink("")
