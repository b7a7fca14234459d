# SPDX-License-Identifier: GPL-3.0-or-later
"""JPEG and WebP, through Pillow."""

import io

import numpy as np
from PIL import Image

from percast.engines.codecs.contract import Picture
from percast.engines.codecs.digital.sources import finest_within
from percast.engines.pictures import BadPicture, decode_picture

_BEST_QUALITY = 95  # Pillow's; above it JPEG only grows


class Still:
    """See `percast.engines.codecs.digital.sources.Source`.

    Args:
        format: "jpeg" or "webp".
    """

    def __init__(self, format: str):
        self.name = format

    def encode_within(self, rgb: Picture, size: int) -> bytes | None:
        image = Image.fromarray(np.ascontiguousarray(rgb))

        def encode(coarseness: int) -> bytes:
            file = io.BytesIO()
            # "optimize" is JPEG's, "method" WebP's; each ignores the other's.
            quality = _BEST_QUALITY - coarseness
            image.save(file, self.name, quality=quality, optimize=True, method=4)
            return file.getvalue()

        return finest_within(encode, 0, _BEST_QUALITY, size)

    def decode(self, data: bytes, height: int, width: int) -> Picture:
        def check(stored_width: int, stored_height: int) -> None:
            """Before any memory is taken for it."""
            if (stored_width, stored_height) != (width, height):
                raise BadPicture(f"{stored_width}x{stored_height} in place of {width}x{height}")

        try:
            rgb = decode_picture(io.BytesIO(data), check, formats=(self.name.upper(),))
        except BadPicture as error:
            raise BadPicture(f"no {self.name} picture: {error}") from error
        if rgb.shape != (height, width, 3):  # turned by metadata
            raise BadPicture(f"no {self.name} picture of {width}x{height}")
        return rgb
