# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of any profile as sRGB, by LittleCMS."""

import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

# ICC's name of the colours that an image's mode holds.
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
_CLASSES = {"mntr", "scnr", "prtr", "spac"}  # kinds of profiles that describe a picture's colours
# A profile that moves no colour by more is sRGB, rounded: the picture keeps its values.
_SAME_LEVELS = 2
_KEPT = 8  # transforms; the pictures of a folder mostly share one


def to_srgb(image: Image.Image, profiles: Sequence[bytes]) -> Image.Image:
    """Converts by the first of `profiles` that can be used; unchanged where none can.

    Args:
        image: L, LA, RGB, RGBA, CMYK or LAB.
        profiles: ICC profiles, broken ones and those of other colours among them.

    Returns:
        L, LA, RGB or RGBA, or CMYK where no profile was usable.
    """
    if image.mode == "LAB":  # says by itself what its colours are
        return ImageCms.applyTransform(image, _lab_transform())
    colours, alpha = _without_alpha(image)
    for profile in profiles:
        found = _transform(profile, colours.mode)
        if found is None:
            continue
        if found.same:
            return image
        converted = ImageCms.applyTransform(colours, found.transform)
        if colours.mode == "L":
            converted = converted.getchannel("G")  # neutral but for rounding
        if alpha is not None:
            converted.putalpha(alpha)
        return converted
    return image


class _Found:
    """A usable profile: the transform, and whether it is sRGB's."""

    def __init__(self, transform: ImageCms.ImageCmsTransform, mode: str):
        self.transform = transform
        samples = _samples(mode)
        self.same = samples is not None and _largest_change(samples, transform) <= _SAME_LEVELS


@lru_cache(maxsize=_KEPT)
def _transform(profile: bytes, mode: str) -> _Found | None:
    """None where the profile is broken, or describes other colours than `mode` holds."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        about = opened.profile
        if about.xcolor_space.strip() != _SPACES[mode] or about.device_class not in _CLASSES:
            return None
        return _Found(_to_srgb_from(opened, mode), mode)
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None


@lru_cache(maxsize=1)
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return _to_srgb_from(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")


def _to_srgb_from(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "L":
        flags |= ImageCms.Flags.NOOPTIMIZE  # whose tables are 10 levels off where curves are steep
    return ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags,
    )


def _samples(mode: str) -> Image.Image | None:
    """Colours all over the gamut of sRGB; None for modes that are never sRGB."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    if mode == "RGB":
        levels = np.linspace(0, 255, 18).astype(np.uint8)
        grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
        return Image.fromarray(grid.reshape(1, -1, 3))
    return None


def _largest_change(samples: Image.Image, transform: ImageCms.ImageCmsTransform) -> int:
    after = np.asarray(ImageCms.applyTransform(samples, transform), np.int16)
    return int(np.abs(after - np.asarray(samples.convert("RGB"), np.int16)).max())


def _without_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    if image.mode not in ("LA", "RGBA"):
        return image, None
    bands = image.split()
    return Image.merge(image.mode[:-1], bands[:-1]), bands[-1]
