# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture files made by hand, byte for byte, for what Pillow does not write."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera stores what is to be shown, by EXIF's definition of the tag."""
    return {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]


def chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    """A PNG chunk; `checksum` in place of the right one."""
    if checksum is None:
        checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png(samples: np.ndarray, depth: int, colour_type: int, before: bytes = b"") -> bytes:
    """A PNG of `samples` [H, W] or [H, W, C], with chunks `before` its pixels."""
    height, width = samples.shape[:2]
    rows = samples.reshape(height, -1)
    if depth == 16:
        lines = [row.astype(">u2").tobytes() for row in rows]
    else:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
        lines = [np.packbits(row).tobytes() for row in bits.reshape(height, -1)]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + line for line in lines))
    return (
        PNG_MAGIC + chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def tiff(
    samples: np.ndarray,
    bits: int,
    photometric: int,
    order: str = "<",
    packed: bool = False,
    more: tuple[tuple[int, int, int], ...] = (),
) -> bytes:
    """A grey TIFF of one strip; `more` entries are (tag, type, value)."""
    height, width = samples.shape
    if bits in (16, 32):
        data = samples.astype(f"{order}u{bits // 8}").tobytes()
    else:
        # Most significant bit first, rows of whole bytes, whatever the byte order.
        shifts = np.arange(bits - 1, -1, -1)
        ones = (samples.astype(np.int64)[..., None] >> shifts) & 1
        data = np.packbits(ones.reshape(height, -1).astype(np.uint8), axis=1).tobytes()
    if packed:
        data = zlib.compress(data)
    entries = [
        (256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 8 if packed else 1),
        (262, 3, photometric), (273, 4, 0), (277, 3, 1), (278, 4, height), (279, 4, len(data)),
        *more,
    ]  # fmt: skip
    return _directory(entries, order) + data


def exif(entries: list[tuple[int, int, int]], order: str = "<", tail: bytes = b"") -> bytes:
    """An EXIF block of entries (tag, type, value or offset), followed by `tail`."""
    return b"Exif\0\0" + _directory(entries, order) + tail


def _directory(entries: list[tuple[int, int, int]], order: str) -> bytes:
    end = 8 + 2 + 12 * len(entries) + 4
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    for tag, kind, value in sorted(entries):
        value = end if tag == 273 else value  # the strip follows at once
        field = (
            struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value)
        )
        out += struct.pack(f"{order}HHI", tag, kind, 1) + field
    return out + bytes(4)


def segment(marker: int, data: bytes, length: int | None = None) -> bytes:
    """A JPEG segment; `length` in place of the right one."""
    return bytes([0xFF, marker]) + struct.pack(">H", (length or len(data) + 2) & 0xFFFF) + data


def with_segments(jpeg: bytes, segments: bytes) -> bytes:
    """A JPEG with more segments right after its start."""
    return jpeg[:2] + segments + jpeg[2:]
