# SPDX-License-Identifier: GPL-3.0-or-later
"""AVIF files without their EXIF, which libavif and Pillow would refuse a picture for.

Which way up an AVIF stands is told by its own `irot` and `imir` properties, not by EXIF.

Source: ISO/IEC 14496-12, 8.11.6 (item information), ISO/IEC 23000-22 (MIAF), 7.3.6.7.
"""

import io
import re
from typing import BinaryIO

_BRANDS = (b"avif", b"avis", b"mif1", b"msf1")
# Of an item: version, flags, id, protection, and the kind that is changed.
_EXIF_ITEM = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))Exif", re.DOTALL)


def is_avif(head: bytes) -> bool:
    """Whether a file that starts with `head`, 12 bytes or more, may be AVIF."""
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS


def read(file: BinaryIO) -> BinaryIO:
    """The file with its EXIF item under another name, in memory as the decoder wants it."""
    file.seek(0)
    return io.BytesIO(_EXIF_ITEM.sub(rb"\1free", file.read()))
