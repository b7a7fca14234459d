# SPDX-License-Identifier: GPL-3.0-or-later
"""`frames.jsonl`: one line of JSON for each received picture."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from percast.blocks.images.records import to_json
from percast.errors import FileError
from percast.file_lock import lock_for_writing

FILE_NAME = "frames.jsonl"

log = logging.getLogger(__name__)


def read_frames(folder: str | os.PathLike) -> list[dict]:
    """The records of a folder that a `FolderSink` wrote, in order.

    A damaged last line (the receiver was killed, or the disk was full) is left out.

    Raises:
        FileError: no such file, or damaged elsewhere.
    """
    path = Path(folder) / FILE_NAME
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise FileError(
            f"{path}: cannot be read ({error.strerror}); give the folder named by --out"
        ) from error
    records = []
    for number, line in enumerate(lines, start=1):
        record = _parse(line)
        if record is not None:
            records.append(record)
        elif number == len(lines):
            log.warning("%s: the damaged last line is left out", path)
        else:
            raise FileError(f"{path}: line {number} is damaged; remove it")
    return records


def _parse(line: bytes) -> dict | None:
    """The record in `line`; None if it is damaged."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


class FramesLog:
    """Appends to `frames.jsonl` whole lines or nothing; one writer at a time.

    Attributes:
        last: The record that was last in the file when it was opened; None if there was none.
    """

    def __init__(self, folder: Path):
        """
        Raises:
            FileError: it cannot be written, or another program writes it.
        """
        self._path = folder / FILE_NAME
        with self._failing_clearly():
            self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                busy = "another receiver writes here; choose another --out"
                lock_for_writing(self._file, self._path, busy)
                self.last = self._mend()
            except BaseException:
                os.close(self._file)
                raise

    def append(self, record: dict) -> None:
        """Writes one line; on failure takes back what part of it was written.

        Raises:
            FileError: the disk is full, or the like.
        """
        line = memoryview(to_json(record).encode() + b"\n")
        with self._failing_clearly():
            length = os.fstat(self._file).st_size
            try:
                while line:
                    line = line[os.write(self._file, line) :]
            except BaseException:
                os.ftruncate(self._file, length)
                raise

    def close(self) -> None:
        os.close(self._file)

    @contextmanager
    def _failing_clearly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FileError(
                f"{self._path}: cannot be written ({error.strerror}); make room or choose "
                "another --out"
            ) from error

    def _mend(self) -> dict | None:
        """Drops a half line that a killed receiver left, or the next line would join it; gives
        the last record."""
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if rest := data[whole:]:
            if (record := _parse(rest)) is not None:
                os.write(self._file, b"\n")
                return record
            log.warning("%s: half a line at its end is dropped", self._path)
            os.ftruncate(self._file, whole)
        return _parse(data[:whole].rstrip(b"\n").rpartition(b"\n")[2])
