# SPDX-License-Identifier: GPL-3.0-or-later
"""The ICC profile of a JPEG 2000 file, which Pillow does not give.

Source: ITU-T T.800 annex I (boxes; the colour specification is I.5.3.3).
"""

import io
import struct
from typing import BinaryIO

MAGIC = b"\0\0\0\x0cjP  \r\n\x87\n"

_MOST_BYTES = 16_000_000  # of the header boxes
_MOST_BOXES = 100
_BY_PROFILE = (2, 3)  # methods: restricted and any ICC profile


def read_profile(file: BinaryIO) -> bytes | None:
    """The first profile that the file's header holds; None where there is none, or it is damaged.

    Args:
        file: seekable; a bare codestream, which has no boxes, holds none.
    """
    file.seek(0)
    if not file.read(len(MAGIC)).startswith(MAGIC):
        return None
    header = _find(file, b"jp2h", file.seek(0, io.SEEK_END), 0)
    if header is None:
        return None
    start, end = header
    file.seek(start)
    boxes = io.BytesIO(file.read(min(end - start, _MOST_BYTES)))
    size, place = len(boxes.getvalue()), 0
    while (found := _find(boxes, b"colr", size, place)) is not None:
        start, place = found
        specification = boxes.getvalue()[start:place]
        if specification[:1] and specification[0] in _BY_PROFILE:
            return specification[3:]
    return None


def _find(file: BinaryIO, kind: bytes, size: int, place: int) -> tuple[int, int] | None:
    """Where the contents of the next box of a kind begin and end."""
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return None
        length, found = struct.unpack(">I4s", head[:8])
        start = place + 8
        if length == 1 and len(head) == 16:
            (length,), start = struct.unpack(">Q", head[8:]), place + 16
        end = place + length if length else size
        if not start <= end <= size:
            return None
        if found == kind:
            return start, end
        place = end
    return None
