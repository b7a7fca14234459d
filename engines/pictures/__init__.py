# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture files of any kind as the RGB that codecs take: `decode_picture` is the only reader.

The link, training, evaluation and the tools all read through it, so that a file means the same
pixels everywhere; hence it lies here, below every room that reads pictures, and takes no part in
networks. Whatever a file holds becomes 8-bit sRGB, upright, opaque over white, of the first frame:

    colour       ICC profiles (and PNG's cICP, gAMA, cHRM) are converted to sRGB, relative
                 colorimetric; a profile that is broken or of another kind of colour than the
                 pixels is ignored. CMYK without a profile is inverted plainly.
    orientation  EXIF's, else XMP's; nothing else of either is looked at.
    depth        grey of 9 to 16 bits is scaled, never clipped; WhiteIsZero is turned.
    metadata     other chunks and segments are not even shown to Pillow: none can refuse a picture.

- `decoding`: `decode_picture`; `suffixes`: which files are tried; `fitting`: another size
- `jpeg`, `png`, `tiff`, `avif`, `jpeg2000`: what of a file is handed on to Pillow; `spliced` parts
  of one as a file
- `metadata`: what these say beside the pixels; `orientation`, `colour`, `profiles`, `grey`: what
  becomes of that
"""

from percast.engines.pictures.decoding import (
    MAX_PIXELS,
    BadPicture,
    check_pixels,
    decode_picture,
    over_white,
)
from percast.engines.pictures.fitting import Size, fit_image
from percast.engines.pictures.suffixes import SUFFIXES, count_unread, has_picture_suffix

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "BadPicture",
    "Size",
    "check_pixels",
    "count_unread",
    "decode_picture",
    "fit_image",
    "has_picture_suffix",
    "over_white",
]
