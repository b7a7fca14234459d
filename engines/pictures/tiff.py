# SPDX-License-Identifier: GPL-3.0-or-later
"""TIFF files: of the first picture's directory only what pixels are made of is handed on.

Sources: TIFF 6.0, section 2; BigTIFF (AWare Systems).
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from percast.engines.pictures.metadata import Metadata
from percast.engines.pictures.orientation import WHOLE_NUMBERS
from percast.engines.pictures.spliced import splice

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_ORIENTATION, _XMP, _PROFILE = 274, 700, 34675
# Size and kind of the samples, where and how they lie, palette, JPEG's tables, YCbCr's equations.
_PIXELS = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 277, 278, 279, 280, 281, 284, 292, 293}
    | {317, 320, 322, 323, 324, 325, 332, 334, 338, 339, 340, 341, 347}
    | {*range(512, 522), 529, 530, 531, 532}
)
_BYTES = {1, 2, 7}  # types of which a value is one byte
_MOST_BYTES = 16_000_000  # of a block that is read


@dataclass(frozen=True)
class _Layout:
    """Where things lie in one of the two kinds of TIFF; letters are struct's."""

    order: str
    big: bool

    @property
    def count(self) -> struct.Struct:
        return struct.Struct(self.order + ("Q" if self.big else "H"))

    @property
    def entry(self) -> struct.Struct:
        """Tag, type, number of values, the value or where the values lie."""
        return struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))

    @property
    def offset(self) -> struct.Struct:
        return struct.Struct(self.order + ("Q" if self.big else "I"))


def read(file: BinaryIO) -> tuple[BinaryIO, Metadata]:
    """The file with its first directory only, thinned, and what was left out of that.

    A directory that does not lie in the file is left to whoever decodes it.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(16).ljust(16, b"\0")
    layout = _Layout({b"II": "<", b"MM": ">"}[head[:2]], b"+" in head[2:4])
    (start,) = layout.offset.unpack_from(head, 8 if layout.big else 4)
    entries = list(_entries(file, layout, start, size))
    if not entries:
        return splice(file, [(0, size)]), Metadata()
    kept = b"".join(entry for entry in entries if _tag(layout, entry) in _PIXELS)
    directory = layout.count.pack(len(kept) // layout.entry.size) + kept
    end = start + layout.count.size + layout.entry.size * len(entries) + layout.offset.size
    directory = directory.ljust(end - start, b"\0")  # and no directory after it
    spliced = splice(file, [(0, start), directory, (min(end, size), size)])
    return spliced, _metadata(file, size, layout, entries)


def _entries(file: BinaryIO, layout: _Layout, start: int, size: int) -> Iterator[bytes]:
    if start + layout.count.size > size:
        return
    file.seek(start)
    (count,) = layout.count.unpack(file.read(layout.count.size))
    if start + layout.count.size + count * layout.entry.size <= size:
        for _ in range(count):
            yield file.read(layout.entry.size)


def _tag(layout: _Layout, entry: bytes) -> int:
    return layout.entry.unpack(entry)[0]


def _metadata(file: BinaryIO, size: int, layout: _Layout, entries: list[bytes]) -> Metadata:
    found = Metadata()
    for entry in entries:
        tag, kind, count, field = layout.entry.unpack(entry)
        if tag == _ORIENTATION and kind in WHOLE_NUMBERS and count == 1:
            (value,) = struct.unpack_from(layout.order + WHOLE_NUMBERS[kind], field)
            found.stated_orientation = value
        elif tag in (_XMP, _PROFILE) and kind in _BYTES and count <= _MOST_BYTES:
            (place,) = layout.offset.unpack(field)
            if place > size:
                continue
            file.seek(place)
            data = file.read(count)
            if tag == _XMP:
                found.xmp = data
            else:
                found.profiles.append(data)
    return found
