# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of a campaign: where they come from, and how they lie in the store."""

import hashlib
import io
from collections.abc import Iterator

import numpy as np

from percast.blocks.images import fit, open_source
from percast.engines.codecs.contract import Picture
from percast.engines.pictures import decode_picture
from percast.tools.campaign.sections import DEMO, PicturesSection
from percast.tools.photographs import photographs


def pictures(section: PicturesSection) -> Iterator[tuple[str, Picture]]:
    """Names and pictures, uint8 [H, W, 3], in the order of the source.

    Raises:
        PercastError: see `open_source`; the demo's photographs need scikit-learn.
    """
    for number, found in enumerate(_all(section)):
        if section.frames is not None and number >= section.frames:
            return
        yield found


def _all(section: PicturesSection) -> Iterator[tuple[str, Picture]]:
    if section.source == DEMO:
        for photo in photographs():
            rgb = fit(photo.rgb, section.shape) if section.shape else photo.rgb
            yield photo.name, np.ascontiguousarray(rgb)
        return
    # Live sources never end by themselves; `checking` asks for `frames` then.
    with open_source(section.source, section.shape, None) as source:
        for picture in source:
            yield picture.name, picture.rgb


def digest(rgb: Picture) -> str:
    """SHA-256 of a picture's shape and samples."""
    return hashlib.sha256(repr(rgb.shape).encode() + rgb.tobytes()).hexdigest()


def from_png(data: bytes) -> Picture:
    """uint8 [H, W, 3]."""
    return decode_picture(io.BytesIO(data))
