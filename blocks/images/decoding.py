# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture files of any kind, whole or damaged, to RGB."""

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from percast.blocks.images.picture import REDUCING_GAP, BadPicture, Size, fit_image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM")
MAX_WEBP_PIXELS = 40_000_000  # libwebp and PIL hold four copies of the picture: 16 bytes a pixel
# What PIL turns into RGB; the rest (LAB, floating point) has no agreed meaning as 8-bit RGB.
_CONVERTIBLE = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"}
_SIDEWAYS = {5, 6, 7, 8}  # EXIF orientations that swap width and height

_warning_filters = threading.Lock()


def decode_picture(
    file: Path | BinaryIO,
    check: Callable[[int, int], None],
    size: Size | None = None,
    formats: Sequence[str] = FORMATS,
) -> np.ndarray:
    """Reads one picture: upright, opaque (over white), 8 bit RGB.

    Args:
        file: A path, or an open binary file.
        check: Called with the stored width and height (before any EXIF rotation) before a pixel
            is decoded; raises `BadPicture` to refuse.
        size: Fit to this (W, H), see `fit`; None keeps the picture's own size.
        formats: What PIL may try, by PIL's names.

    Returns:
        uint8 [H, W, 3].

    Raises:
        BadPicture: unreadable, not a picture, damaged, refused, or of no known colour space.
    """
    with _damage_is_a_bad_picture(), _open(file, formats) as image:
        check(*image.size)
        _check_webp(image)
        if size is not None:
            # JPEG can be decoded at 1/2, 1/4 or 1/8 at a fraction of the time and memory.
            width, height = size if not _is_sideways(image) else size[::-1]
            image.draft(None, (round(REDUCING_GAP * width), round(REDUCING_GAP * height)))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
    image = _to_averageable(image)
    if size is None:
        return np.array(_to_rgb(image))
    return np.array(fit_image(_to_rgb(_reduce(image, size)), size))


@contextmanager
def _damage_is_a_bad_picture() -> Iterator[None]:
    try:
        yield
    except BadPicture:
        raise
    except UnidentifiedImageError as error:
        raise BadPicture(
            "not a PNG, JPEG, WebP, BMP, TIFF or PPM picture (a video is named video:PATH)"
        ) from error
    except OSError as error:
        raise BadPicture(f"cannot be read ({error.strerror or error})") from error
    except Exception as error:
        # PIL's parsers meet damaged files with almost any exception: SyntaxError, struct.error,
        # IndexError, zlib.error, DecompressionBombError, ...
        raise BadPicture(f"damaged ({error})") from error


def _open(file: Path | BinaryIO, formats: Sequence[str]) -> Image.Image:
    """`Image.open` without its warnings: sizes are judged by `check`, damage when loading."""
    # The warning filters are the process's, hence one thread at a time.
    with _warning_filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(file, formats=formats)


def _check_webp(image: Image.Image) -> None:
    if image.format == "WEBP" and image.width * image.height > MAX_WEBP_PIXELS:
        raise BadPicture(
            f"{image.width}x{image.height} is too large: of WebP no more than "
            f"{MAX_WEBP_PIXELS // 10**6} megapixels are read, save it smaller"
        )


def _is_sideways(image: Image.Image) -> bool:
    return image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS


def _to_averageable(image: Image.Image) -> Image.Image:
    """As L, RGB, RGBA or CMYK, modes in which pixels can be averaged."""
    if image.mode.startswith("I"):
        return _to_8_bit(image)
    if image.mode not in _CONVERTIBLE:
        raise BadPicture(f"its colour space ({image.mode}) is unknown here: save it as 8-bit RGB")
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit grey, 0..65535, as 8 bit: PIL's own conversion would clip at 255."""
    if image.mode != "I;16":
        image = image.convert("I")
        lowest, highest = image.getextrema()
        if lowest < 0 or highest > 65535:
            raise BadPicture("32-bit samples are unknown here: save it as 8-bit RGB")
    image = image.point(lambda value: value * (1 / 257) + 0.5).convert("L")
    image.info.pop("transparency", None)  # a 16-bit value, meaningless in 8 bit
    return image


def _reduce(image: Image.Image, size: Size) -> Image.Image:
    """Averages whole pixels while that leaves `REDUCING_GAP` times the wanted size.

    Done first, so that the copies which conversions make are small.
    """
    factor = int(min(image.width / size[0], image.height / size[1]) / REDUCING_GAP)
    return image.reduce(factor) if factor > 1 else image


def _to_rgb(image: Image.Image) -> Image.Image:
    """Opaque RGB from the modes of `_to_averageable`; what is transparent shows white."""
    if image.mode == "RGBA":
        backdrop = Image.new("RGBA", image.size, "white")
        backdrop.alpha_composite(image)
        image = backdrop
    return image if image.mode == "RGB" else image.convert("RGB")
