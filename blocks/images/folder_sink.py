# SPDX-License-Identifier: GPL-3.0-or-later
"""Received pictures as numbered PNG files beside `frames.jsonl`."""

import os
import re
from pathlib import Path

import numpy as np

from percast.blocks.images.base import PictureSink
from percast.blocks.images.frames_log import FramesLog
from percast.blocks.images.messages import encode_png
from percast.errors import FileError
from percast.whole_file import written_whole


class FolderSink(PictureSink):
    """`NNNNNN.png` for each picture, and its record with "file" in `frames.jsonl`; null for one
    that could not be decoded.

    The number is this sink's own and goes on after the highest that the folder holds, so that no
    earlier result is overwritten. A picture is there whole, with its line, or not at all.
    """

    def __init__(self, folder: Path):
        """
        Args:
            folder: Created with its parents if need be.

        Raises:
            FileError: it cannot be created or written, or another receiver writes there.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise FileError(f"{folder}: a file is in the way; --out takes a folder") from error
        except OSError as error:
            raise FileError(
                f"{folder}: cannot be created ({error.strerror}); choose another --out"
            ) from error
        self._log: FramesLog | None = FramesLog(folder)
        names = [*os.listdir(folder), str((self._log.last or {}).get("file"))]
        self._number = 1 + max(map(_number_of, names))

    def write(self, rgb: np.ndarray, record: dict) -> None:
        picture = self._folder / f"{self._number:06d}.png"
        _write_whole(picture, encode_png(rgb))
        try:
            self._log.append({**record, "file": picture.name})
        except BaseException:
            picture.unlink()
            raise
        self._number += 1

    def note(self, record: dict) -> None:
        self._log.append({**record, "file": None})

    def close(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None


def _number_of(name: str) -> int:
    """123 for "000123.png"; -1 for the names of other files."""
    match = re.fullmatch(r"([0-9]{6,})\.png", name)
    return int(match[1]) if match else -1


def _write_whole(path: Path, data: bytes) -> None:
    """Raises FileError where the disk is full, or the like."""
    try:
        with written_whole(path) as file:
            file.write(data)
    except OSError as error:
        raise FileError(
            f"{path}: cannot be written ({error.strerror}); make room or choose another --out"
        ) from error
