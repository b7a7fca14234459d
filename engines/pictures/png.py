# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files: only what pixels are made of is handed on; ancillary chunks are read here, or dropped.

As libpng does, an ancillary chunk with a wrong checksum is as good as absent. Of an animation the
still picture remains, which is its first frame or stands for it.

Source: PNG third edition (W3C, 2025), sections 5 and 11.
"""

import binascii
import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from percast.engines.pictures.metadata import Metadata
from percast.engines.pictures.profiles import from_cicp, from_gamma
from percast.engines.pictures.spliced import Part, splice

MAGIC = b"\x89PNG\r\n\x1a\n"

_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_COLOUR = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"}
_TEXT = {b"tEXt", b"zTXt", b"iTXt"}
_RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
_KNOWN = re.compile(b"|".join(sorted(_KEPT | _COLOUR | _TEXT | {b"tRNS", b"eXIf"})))
_MOST_BYTES = 16_000_000  # of a chunk that is read, packed or not
_MOST_SEARCHED = 64_000_000  # bytes of a file that are looked through for where it goes on
_WINDOW = 1 << 12  # bytes that are looked through first
_GREY, _RGB, _PALETTE, _GREY_ALPHA = 0, 2, 3, 4  # colour types


@dataclass(frozen=True)
class _Chunk:
    kind: bytes
    start: int  # of its length field
    length: int

    @property
    def end(self) -> int:
        return self.start + 12 + self.length


def read(file: BinaryIO) -> tuple[BinaryIO, Metadata]:
    """The file without its ancillary chunks, and what they say."""
    size = file.seek(0, io.SEEK_END)
    parts: list[Part] = [(0, len(MAGIC))]
    said: dict[bytes, bytes] = {}
    header = bytes(13)
    pixels: list[_Chunk] = []
    for chunk in _chunks(file, size):
        if chunk.kind == b"PLTE" and header[9] != _PALETTE:
            continue  # a suggestion for screens of few colours
        if chunk.kind in _KEPT:
            parts.append((chunk.start, min(chunk.end, size)))
            if chunk.kind == b"IDAT":
                pixels.append(chunk)
            if chunk.kind == b"IHDR":
                header = _data(file, chunk, 13).ljust(13, b"\0")
        elif chunk.kind in _COLOUR | {b"tRNS"} and pixels:
            continue  # too late to count
        elif chunk.kind in _COLOUR | {b"tRNS", b"eXIf"}:
            if (data := _checked(file, chunk)) is not None:
                said.setdefault(chunk.kind, data)
                if chunk.kind == b"tRNS" and header[9] == _PALETTE:
                    parts.append((chunk.start, chunk.end))
        elif chunk.kind in _TEXT and (data := _checked(file, chunk)) is not None:
            _read_text(chunk.kind, data, said)
    found = _metadata(said, depth=header[8], colour_type=header[9])
    width, height = struct.unpack(">II", header[:8])
    # Eight bytes make the largest pixel; rows begin with one more, also those of seven passes.
    found.check_pixels = partial(_check_pixels, file, pixels, size, 8 * width * height + 8 * height)
    return splice(file, parts), found


def _check_pixels(file: BinaryIO, chunks: list[_Chunk], size: int, most: int) -> None:
    """Raises `ValueError` where both a chunk's checksum and the pixels' own are wrong.

    Pillow looks at neither. A wrong checksum over the right pixels is no harm.

    Args:
        size: of the file.
        most: bytes of pixels, beyond which nobody unpacks.
    """
    if all(chunk.end > size or _is_whole(file, chunk) for chunk in chunks):
        return
    inflated = zlib.decompressobj()
    try:
        for chunk in chunks:
            left = _data(file, chunk, chunk.length)
            while left and not inflated.eof and most > 0:
                most -= len(inflated.decompress(left, _MOST_BYTES))
                left = inflated.unconsumed_tail
    except zlib.error as error:
        raise ValueError("checksums of its pixels are wrong") from error


def _is_whole(file: BinaryIO, chunk: _Chunk) -> bool:
    """Whether the checksum of a chunk of any length is right."""
    file.seek(chunk.start + 4)
    checksum, left = 0, chunk.length + 4
    while left and (data := file.read(min(left, _MOST_BYTES))):
        checksum, left = zlib.crc32(data, checksum), left - len(data)
    return file.read(4) == struct.pack(">I", checksum)


def _chunks(file: BinaryIO, size: int) -> Iterator[_Chunk]:
    """Every chunk up to IEND; after a damaged length, from the next whole one on."""
    place, searched = len(MAGIC), 0
    while place + 8 <= size:
        chunk = _header(file, place)
        if chunk is None or not (chunk.kind in _KEPT or _is_trusted(file, chunk, size)):
            chunk, bytes_read = _next_whole(file, place, size, _MOST_SEARCHED - searched)
            searched += bytes_read
        if chunk is None:
            return
        yield chunk
        if chunk.kind == b"IEND":
            return
        place = chunk.end


def _next_whole(file: BinaryIO, place: int, size: int, most: int) -> tuple[_Chunk | None, int]:
    """The first chunk after `place` that is of a known kind and whole, and the bytes read for it.

    None after reading `most` bytes: many damaged places must not take hours.
    """
    window, bytes_read, seen = _WINDOW, 0, 5
    while bytes_read < most:
        file.seek(place)
        rest = file.read(window)
        bytes_read += len(rest)
        for match in _KNOWN.finditer(rest, seen):
            candidate = _header(file, place + match.start() - 4)
            if candidate is None or candidate.end > size or bytes_read > most:
                continue
            bytes_read += candidate.length
            if candidate.length <= _MOST_BYTES and _is_whole(file, candidate):
                return candidate, bytes_read
        if len(rest) < window:
            break
        window, seen = 16 * window, len(rest) - 3
    return None, bytes_read


def _header(file: BinaryIO, place: int) -> _Chunk | None:
    file.seek(place)
    data = file.read(8)
    kind = data[4:]
    if len(data) < 8 or not (kind.isalpha() and kind.isascii()):
        return None
    length = int.from_bytes(data[:4], "big")
    return _Chunk(kind, place, length) if length < 1 << 31 else None


def _is_trusted(file: BinaryIO, chunk: _Chunk, size: int) -> bool:
    """Whether a chunk ends where it says: its checksum is right, or another chunk follows."""
    if chunk.end > size:
        return False
    if chunk.end == size or _is_whole(file, chunk):
        return True
    after = _header(file, chunk.end)
    return after is not None and (after.kind in _KEPT or after.end <= size)


def _data(file: BinaryIO, chunk: _Chunk, most: int) -> bytes:
    file.seek(chunk.start + 8)
    return file.read(min(chunk.length, most))


def _checked(file: BinaryIO, chunk: _Chunk) -> bytes | None:
    """The chunk's data; None if too long or of a wrong checksum."""
    if chunk.length > _MOST_BYTES or not _is_whole(file, chunk):
        return None
    return _data(file, chunk, chunk.length)


def _read_text(kind: bytes, data: bytes, said: dict[bytes, bytes]) -> None:
    """Of texts only XMP counts, and EXIF as ImageMagick writes it."""
    keyword, _, rest = data.partition(b"\0")
    if kind == b"iTXt" and keyword == b"XML:com.adobe.xmp" and b"xmp" not in said:
        packed = rest[:1] == b"\1"
        text = rest[2:].split(b"\0", 2)[-1]
        said[b"xmp"] = _unpacked(text) if packed else text
    elif kind != b"iTXt" and keyword in _RAW_EXIF and b"raw" not in said:
        text = _unpacked(rest[1:]) if kind == b"zTXt" else rest
        try:
            said[b"raw"] = binascii.unhexlify(b"".join(text.split(b"\n")[3:]))
        except ValueError:
            said[b"raw"] = b""


def _unpacked(data: bytes) -> bytes:
    """Deflated data; what there is of it if damaged, and no more than is worth its memory."""
    try:
        return zlib.decompressobj().decompress(data, _MOST_BYTES)
    except zlib.error:
        return b""


def _metadata(said: dict[bytes, bytes], depth: int, colour_type: int) -> Metadata:
    grey = colour_type in (_GREY, _GREY_ALPHA)
    found = Metadata(
        exif=said.get(b"eXIf") or said.get(b"raw", b""),
        xmp=said.get(b"xmp", b""),
        depth=depth,
        grey=grey,
    )
    transparent = said.get(b"tRNS", b"")
    if colour_type == _GREY and len(transparent) == 2:
        found.transparent = struct.unpack(">H", transparent)
    elif colour_type == _RGB and len(transparent) == 6:
        found.transparent = struct.unpack(">3H", transparent)
    found.profiles = [profile for profile in _profiles(said, grey) if profile]
    return found


def _profiles(said: dict[bytes, bytes], grey: bool) -> Iterator[bytes | None]:
    """In the order in which the specification lets them count."""
    if b"cICP" in said and not grey:
        yield from_cicp(said[b"cICP"])
    if b"iCCP" in said:
        _, _, rest = said[b"iCCP"].partition(b"\0")
        if rest[:1] == b"\0":
            yield _unpacked(rest[1:])
    if b"sRGB" not in said:
        yield from_gamma(said.get(b"gAMA"), said.get(b"cHRM"), grey)
