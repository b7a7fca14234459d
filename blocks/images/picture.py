# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture on its way to the encoder, and the sizes that can be sent."""

import re
from dataclasses import dataclass

import numpy as np
from PIL import Image

from percast.engines.codecs.contract import MAX_SIDE, MIN_SIDE
from percast.engines.pictures import BadPicture, Size, check_pixels, fit_image
from percast.errors import UsageError

MIN_USABLE_SIDE = 16  # pixels: a picture with a shorter side is not worth enlarging


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture as a source hands it over.

    Attributes:
        rgb: uint8 [H, W, 3], read-only: a source may hand over the same array again.
        name: Where it comes from, such as a file's name.
        read_at: time of the hand-over by `percast.blocks.stats.clock`, seconds.
    """

    rgb: np.ndarray
    name: str
    read_at: float


def parse_size(text: str) -> Size:
    """`"640x480"` as (640, 480).

    Raises:
        UsageError: not WIDTHxHEIGHT, or a side outside `MIN_SIDE`..`MAX_SIDE`.
    """
    match = re.fullmatch(r"([0-9]{1,6})[xX]([0-9]{1,6})", text.strip())
    if match is None:
        raise UsageError(f"{text!r}: give WIDTHxHEIGHT in pixels, such as 256x256")
    size = int(match[1]), int(match[2])
    check_size(size)
    return size


def check_size(size: Size) -> None:
    """Raises `UsageError` unless both sides of `size` = (width, height) can be sent."""
    width, height = size
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise UsageError(f"{width}x{height}: each side must lie in {MIN_SIDE}..{MAX_SIDE} pixels")


def check_usable(width: int, height: int, size: Size | None) -> None:
    """Whether a picture of `width` x `height` pixels can be sent, fitted to `size` if given.

    Turning the picture by 90 degrees does not change the answer, so that it can be asked before
    the orientation is known.

    Raises:
        BadPicture: too small or too large.
    """
    shorter, longer = sorted((width, height))
    if shorter < MIN_USABLE_SIDE:
        raise BadPicture(
            f"{width}x{height} is too small: each side needs at least {MIN_USABLE_SIDE} pixels"
        )
    check_pixels(width, height)
    if size is None and (shorter < MIN_SIDE or longer > MAX_SIDE):
        raise BadPicture(
            f"{width}x{height} cannot be sent as it is: each side must lie in "
            f"{MIN_SIDE}..{MAX_SIDE} pixels, use --size WxH"
        )


def fit(rgb: np.ndarray, size: Size) -> np.ndarray:
    """Crops to the aspect ratio of `size` about the centre, then resizes.

    Args:
        rgb: uint8 [h, w, 3].
        size: (W, H), pixels.

    Returns:
        uint8 [H, W, 3]; `rgb` itself where it has that size already.
    """
    width, height = size
    if rgb.shape[:2] == (height, width):
        return rgb
    return np.array(fit_image(Image.fromarray(rgb), size))
