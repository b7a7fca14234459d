# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way up a picture is: EXIF's numbers 1 to 8, from EXIF, XMP and videos' matrices.

    1 as stored   2 mirrored   3 upside down   4 flipped   5 transposed
    6 to be turned clockwise   7 transposed the other way   8 to be turned anticlockwise

Sources: Exif 2.32 (CIPA DC-008), 4.6.4 tag 274; TIFF 6.0, section 2 (image file directories);
ISO/IEC 14496-12, 6.2.2 (matrices).
"""

import re
import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image

SIDEWAYS = frozenset({5, 6, 7, 8})
"""Those that swap width and height."""

_TAG = 274
# Types of whole numbers that are written as such by some program, and struct's letters.
WHOLE_NUMBERS = {3: "H", 4: "I", 8: "h", 9: "i"}
_XMP = re.compile(rb"tiff:Orientation(?:\s*=\s*[\"']|\s*>)\s*([1-8])\s*[\"'<]")
_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def from_exif(block: bytes) -> int | None:
    """The orientation that an EXIF block states, 1..8; None where it states none.

    Only the entries of the first directory are looked at, and of them only that one: damage
    anywhere else cannot matter.

    Args:
        block: a TIFF header and what follows, with or without "Exif\\0\\0" before it.
    """
    block = re.sub(rb"^(?:Exif\0\0){1,2}", b"", block)
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or 42 not in block[2:4] or 0 not in block[2:4]:
        return None
    found = None
    try:
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        (entries,) = struct.unpack_from(f"{order}H", block, start)
        for index in range(entries):
            place = start + 2 + 12 * index
            tag, kind, count, value = struct.unpack_from(f"{order}HHI4s", block, place)
            if tag == _TAG and kind in WHOLE_NUMBERS and count == 1:
                (found,) = struct.unpack_from(f"{order}{WHOLE_NUMBERS[kind]}", value)
    except struct.error:  # it ends early: what came before counts
        pass
    return found if found in range(1, 9) else None


def from_xmp(packet: bytes | str) -> int | None:
    """The orientation that an XMP packet states, 1..8; None where it states none."""
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "replace")
    match = _XMP.search(packet)
    return int(match[1]) if match else None


def from_display_matrix(matrix: Sequence[int]) -> int:
    """The orientation nearest to a video's display matrix, 1..8: a slant is left out.

    Args:
        matrix: a b u, c d v, x y w: pixel (p, q) is shown at (a p + c q + x, b p + d q + y).
    """
    a, b, _, c, d, *_ = matrix
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return {(False, False): 1, (True, False): 2, (True, True): 3, (False, True): 4}[
            a < 0, d < 0
        ]
    return {(False, False): 5, (True, False): 6, (True, True): 7, (False, True): 8}[c < 0, b < 0]


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """A stored image the way up that `orientation` says."""
    method = _TRANSPOSES.get(orientation)
    return image if method is None else image.transpose(method)


def upright_array(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """`upright` of an array [H, W, ...], as a view."""
    if orientation in SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
