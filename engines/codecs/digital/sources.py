# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture formats behind one promise: the best picture in at most so many bytes."""

from collections.abc import Callable
from math import ceil, log
from typing import Protocol

import numpy as np

from percast.engines.codecs.contract import Picture
from percast.engines.pictures import BadPicture


class Source(Protocol):
    """A picture format.

    Raises:
        UsageError: by the constructor: what it needs is not installed.
    """

    name: str

    def encode_within(self, rgb: Picture, size: int) -> bytes | None:
        """The best picture of at most so many bytes, or None when even the coarsest needs more.

        Args:
            rgb: uint8 [H, W, 3].
            size: bytes, headers included.
        """
        ...

    def decode(self, data: bytes, height: int, width: int) -> Picture:
        """The picture, uint8 [height, width, 3].

        Whatever the bytes are it neither crashes nor hangs, nor takes memory beyond what such a
        picture needs.

        Raises:
            BadPicture: they are no such picture.
        """
        ...


QP_SLOPE = 0.115
"""ln of the bytes that a step of HEVC's and VVC's quantiser parameter saves."""


def usual_quantiser(rgb: Picture, size: int, known: int) -> int:
    """The quantiser parameter of HEVC and VVC that a photograph of so many bytes usually has.

    Args:
        rgb: uint8 [H, W, 3].
        size: bytes.
        known: what it usually is at 0.23 bits a pixel.
    """
    bits_per_pixel = max(8 * size, 1) / (rgb.shape[0] * rgb.shape[1])
    return round(known + log(0.23 / bits_per_pixel) / QP_SLOPE)


def finest_within(
    encode: Callable[[int], bytes],
    finest: int,
    coarsest: int,
    size: int,
    slope: float = 0.0,
    start: int | None = None,
) -> bytes | None:
    """The finest of some steps of quality that takes at most so many bytes.

    Args:
        encode: at a step; coarser steps take no more bytes.
        finest, coarsest: steps, finest < coarsest.
        size: bytes.
        slope: ln of the bytes that a step saves, to find the place sooner; 0 halves the range.
        start: step to try first, None for the middle.

    Returns:
        None when even the coarsest does not fit.
    """
    best, step = None, (finest + coarsest) // 2
    if start is not None:
        step = min(max(start, finest), coarsest)
    while finest <= coarsest:
        data = encode(step)
        if len(data) <= size:
            best, coarsest = data, step - 1
        else:
            finest = step + 1
        if slope:
            step += ceil(log(max(len(data), 1) / max(size, 1)) / slope)
            step = min(max(step, finest), coarsest)
        else:
            step = (finest + coarsest) // 2
    return best


def even(rgb: Picture) -> Picture:
    """With the last row and column repeated where 4:2:0 would halve them."""
    height, width = rgb.shape[:2]
    return np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def most_pixels(height: int, width: int) -> int:
    """That a decoder may take memory for: the picture, padded to whole blocks of any format."""
    return (height + 64) * (width + 64)


def checked(rgb: Picture, height: int, width: int) -> Picture:
    """The picture without what `even` added.

    Raises:
        BadPicture: it has another size.
    """
    if rgb.shape != (height + height % 2, width + width % 2, 3):
        raise BadPicture(f"a picture of {rgb.shape[1]}x{rgb.shape[0]}, not {width}x{height}")
    return np.ascontiguousarray(rgb[:height, :width])
