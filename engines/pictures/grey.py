# SPDX-License-Identifier: GPL-3.0-or-later
"""Grey of more than 8 bits, and of TIFF's kinds that Pillow leaves as they are stored."""

import numpy as np
from PIL import Image, TiffImagePlugin

_BITS, _PHOTOMETRIC, _MAX_SAMPLE, _SAMPLE_FORMAT = 258, 262, 281, 339
_UNSIGNED = 1

# Pillow can unpack these, but lists them for one byte order or one polarity only. What lies in
# 12 bits is packed alike in both orders; `levels_of` turns WhiteIsZero.
for _order in (TiffImagePlugin.II, TiffImagePlugin.MM):
    _16_bit = ("I;16", "I;16") if _order == TiffImagePlugin.II else ("I;16B", "I;16B")
    for _photometric in (0, 1):
        for _bits, _modes in ((16, _16_bit), (12, ("I;16", "I;12"))):
            TiffImagePlugin.OPEN_INFO.setdefault(
                (_order, _photometric, (1,), 1, (_bits,), ()), _modes
            )


class UnknownSamples(ValueError):
    """Samples of no agreed meaning; the message says which."""


def to_8_bit(image: Image.Image, transparent: int | None = None) -> Image.Image:
    """Grey of mode I;16, I;16B or I as L, or LA where one level is transparent.

    PIL's own conversion would clip at 255.

    Args:
        image: as opened, so that what its file says of the samples is known.
        transparent: the level that shows nothing.

    Raises:
        UnknownSamples: below zero, or of more than 16 bits unless unsigned and of 32.
    """
    tags = getattr(image, "tag_v2", {})
    alpha = None
    if transparent is not None:
        shown = np.asarray(image) != transparent
        alpha = Image.fromarray(np.where(shown, 255, 0).astype(np.uint8))
    if image.mode == "I" and _first(tags, _BITS) == 32 and _unsigned(tags):
        samples = np.asarray(image).view(np.uint32)
        return Image.fromarray(np.rint(samples / (0xFFFFFFFF / 255)).astype(np.uint8))
    if image.mode != "I;16":
        image = image.convert("I")
    lowest, highest = image.getextrema()
    if lowest < 0 or highest > 65535:
        raise UnknownSamples(
            "samples below zero or of 32 bits are unknown here: save it as 8-bit RGB"
        )
    most = _most(tags, highest)
    if _first(tags, _PHOTOMETRIC) == 0:
        image = image.point(lambda value: value * (-255 / most) + 255.5)
    else:
        image = image.point(lambda value: value * (255 / most) + 0.5)
    image = image.convert("L")
    if alpha is not None:
        image = Image.merge("LA", (image, alpha))
    return image


def _most(tags, highest: int) -> int:
    """The level of white, or of black where that is the highest."""
    bits = _first(tags, _BITS)
    if bits == 12:
        return 4095
    stated = _first(tags, _MAX_SAMPLE)
    # Cameras of 10 to 14 bits in 16 say so; other values describe the picture, not the scale.
    if stated in (1023, 4095, 16383) and highest <= stated:
        return stated
    return 65535


def _unsigned(tags) -> bool:
    return _first(tags, _SAMPLE_FORMAT) in (None, _UNSIGNED)


def _first(tags, tag: int) -> int | None:
    value = tags.get(tag)
    return value[0] if isinstance(value, tuple) and value else value
