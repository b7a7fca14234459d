# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a file as a file of their own, without copying them."""

import io
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import BinaryIO

Part = tuple[int, int] | bytes
"""(start, end) in the file, or bytes of its own."""


class SplicedFile(io.RawIOBase):
    """Reads `parts` of `file` one after the other; wrap it in `io.BufferedReader`.

    Args:
        file: open, seekable; read from nowhere else meanwhile.
        parts: what remains of it; empty ones are allowed.
    """

    def __init__(self, file: BinaryIO, parts: Iterable[Part]):
        self._file = file
        self._parts = list(_joined(parts))
        self._starts = [0]
        for part in self._parts:
            self._starts.append(self._starts[-1] + _length(part))
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            raise ValueError("negative position")
        self._position = base + offset
        return self._position

    def readinto(self, buffer) -> int:
        index = bisect_right(self._starts, self._position) - 1
        if index >= len(self._parts):
            return 0
        part, skip = self._parts[index], self._position - self._starts[index]
        wanted = min(len(buffer), _length(part) - skip)
        if isinstance(part, bytes):
            data = part[skip : skip + wanted]
        else:
            self._file.seek(part[0] + skip)
            data = self._file.read(wanted)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def splice(file: BinaryIO, parts: Iterable[Part]) -> io.BufferedReader:
    """`parts` of `file` as a file, buffered."""
    return io.BufferedReader(SplicedFile(file, parts), 1 << 16)


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """The same without empty parts, and with those as one that follow each other in the file."""
    last: Part = b""
    for part in parts:
        if isinstance(last, tuple) and isinstance(part, tuple) and last[1] == part[0]:
            last = last[0], part[1]
            continue
        if _length(last):
            yield last
        last = part
    if _length(last):
        yield last


def _length(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else part[1] - part[0]
