# SPDX-License-Identifier: GPL-3.0-or-later
"""JPEG files: only what pixels are made of is handed on; metadata is read here, or dropped.

Sources: ITU-T T.81 annex B (segments), JFIF 1.02, ICC.1:2022 annex B.4 (profiles in APP2).
"""

import io
import re
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image

from percast.engines.pictures.metadata import Metadata
from percast.engines.pictures.spliced import Part, splice

MAGIC = b"\xff\xd8\xff"

_START_OF_SCAN, _COMMENT = 0xDA, 0xFE
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment
_APPLICATION = range(0xE0, 0xF0)
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# What may follow a cut instead of the rest: every continuation of three bits.
_GUESSES = tuple(bytes([first, 0x5A, 0xA5, 0x91]) * 128 for first in range(0x0D, 0x100, 0x20))
_END = b"\xff\xd9"
_FEWEST_ZEROS = 8  # in a row: no scan ends in as many


def read(file: BinaryIO) -> tuple[BinaryIO, Metadata]:
    """The file without its application segments and comments, and what they say.

    Of JFIF's and Adobe's segments, which tell the colour space, those are kept that a decoder
    understands. From the first scan on, all is kept but for zeros or 0xff that fill up the end,
    which a decoder would take for pixels where the file was never written.
    """
    size = _written(file)
    parts: list[Part] = [(0, 2)]
    found, exif, profile_parts = Metadata(), b"", []
    place = 2
    while (segment := _next_segment(file, place, size)) is not None:
        marker, start, data_start, place = segment
        if marker == _START_OF_SCAN:
            parts.append((start, size))
            break
        if marker not in _APPLICATION and marker != _COMMENT:
            parts.append((start, place))
            continue
        file.seek(data_start)
        data = file.read(place - data_start)
        if marker == 0xE0 and data.startswith(b"JFIF\0") and len(data) >= 14:
            parts.append((start, place))
        elif marker == 0xEE and data.startswith(b"Adobe") and len(data) >= 12:
            parts.append((start, place))
        elif marker == 0xE1 and data.startswith(b"Exif\0\0"):
            # A long block goes on in the next segment; one that is no TIFF was none.
            exif = exif + data[6:] if exif[6:8] in (b"II", b"MM") else data
        elif marker == 0xE1 and data.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            found.xmp = data
        elif marker == 0xE2 and data.startswith(b"ICC_PROFILE\0") and len(data) > 14:
            profile_parts.append(data[12:])
    else:
        parts = [(0, size)]  # no scan: whoever decodes it will say so
    found.exif = exif
    if (profile := _joined(profile_parts)) is not None:
        found.profiles.append(profile)
    return splice(file, parts), found


def complete(file: BinaryIO, decode: Callable[[BinaryIO], Image.Image]) -> Image.Image | None:
    """The picture of a file that lacks its end marker; None where pixels are missing, too.

    Where the picture stays the same whatever is put after the cut, no pixel hangs on it.

    Args:
        file: as `read` gives it.
        decode: opens and decodes a whole JPEG file.
    """
    file.seek(0)
    data = file.read()
    if not _all_scans(data):
        return None
    picture = decode(io.BytesIO(data + _END))
    pixels = picture.tobytes()
    for guess in _GUESSES:
        if decode(io.BytesIO(data + _going_on(data, guess))).tobytes() != pixels:
            return None
    return picture


def _going_on(data: bytes, guess: bytes) -> bytes:
    """`guess` as the rest of a cut scan, again and again behind each restart marker due next."""
    restarts = re.findall(rb"\xff([\xd0-\xd7])", data)
    last = restarts[-1][0] if restarts else 0xD7
    due = (bytes([0xFF, 0xD0 + (last + 1 + index) % 8]) for index in range(8))
    return guess + b"".join(marker + guess for marker in due) + _END


def _written(file: BinaryIO) -> int:
    """Where the file ends, without filling."""
    size = end = file.seek(0, io.SEEK_END)
    left = filling = b""
    while end and not left:
        start = max(0, end - (1 << 16))
        file.seek(start)
        block = file.read(end - start)
        filling = filling or block[-1:]
        left = block.rstrip(filling) if filling in (b"\0", b"\xff") else block
        end = start + len(left)
    return size if filling == b"\0" and size - end < _FEWEST_ZEROS else end


def _next_segment(file: BinaryIO, place: int, size: int) -> tuple[int, int, int, int] | None:
    """(marker, where it starts, where its data start and end) of the next segment.

    Bytes before a marker are passed over, as decoders do. None where there is none.
    """
    file.seek(place)
    while True:
        byte = file.read(1)
        if not byte:
            return None
        if byte != b"\xff":
            continue
        while byte == b"\xff":
            byte = file.read(1)
        if not byte:
            return None
        if byte == b"\0":
            continue
        start = file.tell() - 2
        if byte[0] in _ALONE:
            return byte[0], start, start + 2, start + 2
        length = int.from_bytes(file.read(2), "big")
        if length < 2:
            return None
        return byte[0], start, start + 4, min(start + 2 + length, size)


def _joined(parts: list[bytes]) -> bytes | None:
    """The profile of numbered parts (number, of how many, data); None if one is missing."""
    by_number = {part[0]: part[2:] for part in parts}
    count = parts[0][1] if parts else 0
    if not count or sorted(by_number) != list(range(1, count + 1)):
        return None
    return b"".join(by_number[number] for number in range(1, count + 1))


def _all_scans(data: bytes) -> bool:
    """Whether every coefficient of every component is sent to its last bit in some scan."""
    components = b""
    file = io.BytesIO(data)
    place = 2
    while (segment := _next_segment(file, place, len(data))) is not None:
        marker, _, data_start, place = segment
        if marker in _FRAMES:
            frame = data[data_start:place]
            components = frame[6::3][: frame[5]] if len(frame) > 5 else b""
        if marker == _START_OF_SCAN:
            break
    low_bits = {component: [99] * 64 for component in components}
    # Within coded data 0xff is always followed by 0: these are markers.
    for match in re.finditer(rb"\xff\xda", data):
        header = data[match.end() + 2 : match.end() + 2 + 12]
        count = header[0] if header else 0
        end = 1 + 2 * count
        if len(header) < end + 3:
            return False
        first, last, shift = header[end], header[end + 1], header[end + 2] & 15
        for component in header[1:end:2]:
            for index in range(first, min(last, 63) + 1):
                if component in low_bits:
                    low_bits[component][index] = shift
    return bool(low_bits) and all(bits == [0] * 64 for bits in low_bits.values())
