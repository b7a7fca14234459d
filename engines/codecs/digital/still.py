# SPDX-License-Identifier: GPL-3.0-or-later
"""JPEG and WebP, through Pillow."""

import io
import warnings

import numpy as np
from PIL import Image

from percast.engines.codecs.contract import Picture
from percast.engines.codecs.digital.sources import BadPicture, finest_within

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
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sizes, which are checked here
                image = Image.open(io.BytesIO(data), formats=[self.name])
            if image.size != (width, height):  # before any memory is taken for it
                raise BadPicture(f"a picture of {image.size}, not {width}x{height}")
            return np.asarray(image.convert("RGB")).copy()
        # Pillow's decoders raise whatever their C code and struct come upon.
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise BadPicture(f"no {self.name} picture: {error}") from error
