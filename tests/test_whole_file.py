# SPDX-License-Identifier: GPL-3.0-or-later
"""A file is there whole or not at all, whatever happens while it is written."""

import errno
import os
from pathlib import Path

import pytest

from percast.whole_file import written_whole

ROOT = Path(__file__).parents[1]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_takes_its_place_at_the_end_and_nothing_lies_beside_it(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with written_whole(path) as file:
        file.write(b"after")
        assert path.read_bytes() == b"before"
    with written_whole(tmp_path / "text", "w", encoding="utf-8", newline="") as file:
        file.write("ä\n")
    assert contents(tmp_path) == {"file": b"after", "text": "ä\n".encode()}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), RuntimeError, KeyboardInterrupt])
def test_whatever_breaks_a_write_off_costs_nothing_that_was_there(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(type(error) if isinstance(error, OSError) else error):
        with written_whole(path) as file:
            file.write(b"half")
            raise error
    assert contents(tmp_path) == {"file": b"before"}


def test_what_must_last_is_on_the_disk_before_it_takes_the_place(tmp_path, monkeypatch):
    """Some disks tell only then that they are full."""

    def full(_) -> None:
        raise OSError(errno.ENOSPC, "full")

    path = tmp_path / "file"
    path.write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"), written_whole(path, settled=True) as file:
        file.write(b"whole")
    assert contents(tmp_path) == {"file": b"before"}


def test_a_folder_that_cannot_be_written_is_the_error_that_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError), written_whole(tmp_path / "file" / "inner"):
        pytest.fail("opened")


def test_no_room_has_a_way_of_its_own():
    """But the keys of ZeroMQ, whose library writes them."""
    for room in ("engines", "blocks", "flowgraphs", "tools"):
        for path in (ROOT / room).rglob("*.py"):
            if path.name not in ("whole_file.py", "zmq_keys.py"):
                text = path.read_text()
                assert "os.replace(" not in text and '.part")' not in text, path
