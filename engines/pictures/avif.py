# SPDX-License-Identifier: GPL-3.0-or-later
"""AVIF files without their EXIF, which libavif and Pillow would refuse a picture for.

Which way up an AVIF stands is told by its own `irot` and `imir` properties, not by EXIF.

Source: ISO/IEC 14496-12, 8.11.6 (item information) and 12.1.5 (colour information), ISO/IEC
23000-22 (MIAF), 7.3.6.7.
"""

import io
import re
from typing import BinaryIO

from percast.engines.pictures.profiles import from_cicp

_BRANDS = (b"avif", b"avis", b"mif1", b"msf1")
# Of an item: version, flags, id, protection, and the kind that is changed.
_EXIF_ITEM = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))Exif", re.DOTALL)
# Primaries and transfer of the colours, each in the second of its two bytes.
_NUMBERS = re.compile(rb"\0\0\0\x13colrnclx\0(.)\0(.)", re.DOTALL)
_RGB, _FULL_RANGE = 0, 1  # as which libavif gives the pixels


def is_avif(head: bytes) -> bool:
    """Whether a file that starts with `head`, 12 bytes or more, may be AVIF."""
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS


def read(file: BinaryIO) -> BinaryIO:
    """The file with its EXIF item under another name, in memory as the decoder wants it."""
    file.seek(0)
    return io.BytesIO(_EXIF_ITEM.sub(rb"\1free", file.read()))


def read_profile(file: BinaryIO) -> bytes | None:
    """The profile that the file names by numbers, as PNG's cICP does.

    None where nothing usable is named, or more than one: where a gain map or a
    thumbnail has other colours, which are the picture's is not looked for.
    """
    file.seek(0)
    named = set(_NUMBERS.findall(file.read()))
    if len(named) != 1:
        return None
    primaries, transfer = named.pop()
    return from_cicp(primaries + transfer + bytes([_RGB, _FULL_RANGE]))
