# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture files of any kind, whole or damaged, to RGB."""

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from percast.engines.pictures import avif, jpeg, jpeg2000, png, tiff
from percast.engines.pictures.colour import to_srgb
from percast.engines.pictures.fitting import REDUCING_GAP, Size, fit_image, reduce
from percast.engines.pictures.grey import UnknownSamples, to_8_bit
from percast.engines.pictures.metadata import Metadata
from percast.engines.pictures.orientation import SIDEWAYS, upright
from percast.engines.pictures.suffixes import FORMATS

MAX_PIXELS = 120_000_000  # decoded, such a picture takes half a gigabyte
MAX_WEBP_PIXELS = 40_000_000  # libwebp and PIL hold four copies of the picture: 16 bytes a pixel
_TOO_LARGE = f"too large: more than {MAX_PIXELS // 10**6} megapixels are not read, save it smaller"
# What PIL turns into RGB; the rest (floating point) has no agreed meaning as 8-bit RGB.
_CONVERTIBLE = {
    "1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB",
}  # fmt: skip
_AVERAGEABLE = ("L", "RGB", "CMYK", "LAB")

_warning_filters = threading.Lock()


class BadPicture(ValueError):
    """A picture cannot be used; the message says why, but not which picture."""


def check_pixels(width: int, height: int) -> None:
    """Raises `BadPicture` for more pixels than are read."""
    if width * height > MAX_PIXELS:
        raise BadPicture(f"{width}x{height} is {_TOO_LARGE}")


def decode_picture(
    file: Path | BinaryIO,
    check: Callable[[int, int], None] = check_pixels,
    size: Size | None = None,
    formats: Sequence[str] = tuple(FORMATS),
) -> np.ndarray:
    """Reads one picture: upright, sRGB, opaque (over white), 8 bits; an animation's first frame.

    Args:
        file: A path, or an open binary file.
        check: Called with the stored width and height (before any EXIF rotation) before a pixel
            is decoded; raises `BadPicture` to refuse.
        size: Fit to this (W, H), see `fit_image`; None keeps the picture's own size.
        formats: What PIL may try, by PIL's names.

    Returns:
        uint8 [H, W, 3].

    Raises:
        BadPicture: unreadable, not a picture, damaged, refused, or of no known colour space.
    """
    with _damage_is_a_bad_picture():
        if isinstance(file, Path):
            with file.open("rb") as opened:
                return _decode(opened, file, check, size, formats)
        return _decode(file, file, check, size, formats)


def _decode(
    file: BinaryIO,
    name: Path | BinaryIO,
    check: Callable[[int, int], None],
    size: Size | None,
    formats: Sequence[str],
) -> np.ndarray:
    """`decode_picture` of the open `file`; PIL opens `name` where nothing must be kept from it."""
    Image.init()
    formats = [known for known in formats if known in Image.OPEN]
    head = file.read(16)
    found = Metadata()
    pixels: Path | BinaryIO = name
    if head.startswith(png.MAGIC):
        pixels, found = png.read(file)
    elif head.startswith(jpeg.MAGIC):
        pixels, found = jpeg.read(file)
    elif head.startswith(tiff.MAGICS):
        pixels, found = tiff.read(file)
    elif avif.is_avif(head):
        pixels = avif.read(file)
    if not isinstance(pixels, Path):
        pixels.seek(0)
    with _open(pixels, formats) as image:
        check(*image.size)
        _check_webp(image)
        if not head.startswith((png.MAGIC, jpeg.MAGIC, *tiff.MAGICS)):
            found = _metadata(image, file)
        found.check_pixels()
        orientation = found.orientation
        if size is not None:
            # JPEG can be decoded at 1/2, 1/4 or 1/8 at a fraction of the time and memory.
            width, height = size if orientation not in SIDEWAYS else size[::-1]
            image.draft(None, (round(REDUCING_GAP * width), round(REDUCING_GAP * height)))
        try:
            image.load()
        except OSError:
            whole = None
            if image.format in ("JPEG", "MPO"):
                whole = jpeg.complete(pixels, lambda again: _loaded(again, formats))
            if whole is None:
                raise
            image = whole
        image = _to_averageable(image, found)
    if size is not None:
        image = reduce(image, size if orientation not in SIDEWAYS else size[::-1])
    image = upright(over_white(to_srgb(image, found.profiles)), orientation)
    return np.array(image if size is None else fit_image(image, size))


@contextmanager
def _damage_is_a_bad_picture() -> Iterator[None]:
    try:
        yield
    except BadPicture:
        raise
    except UnknownSamples as problem:
        raise BadPicture(str(problem)) from problem
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise BadPicture(
            f"not a picture of a kind that is read ({known}; a video is named video:PATH)"
        ) from error
    except Image.DecompressionBombError as error:  # PIL does not open it, for `check` to judge
        raise BadPicture(_TOO_LARGE) from error
    except OSError as error:
        raise BadPicture(f"cannot be read ({error.strerror or error})") from error
    except Exception as error:
        # PIL's parsers meet damaged files with almost any exception: SyntaxError, struct.error,
        # IndexError, zlib.error, ...
        raise BadPicture(f"damaged ({error})") from error


def _open(file: Path | BinaryIO, formats: Sequence[str]) -> Image.Image:
    """`Image.open` without its warnings: sizes are judged by `check`, damage when loading."""
    # The warning filters are the process's, hence one thread at a time.
    with _warning_filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(file, formats=formats)


def _loaded(file: BinaryIO, formats: Sequence[str]) -> Image.Image:
    image = _open(file, formats)
    image.load()
    return image


def _check_webp(image: Image.Image) -> None:
    if image.format == "WEBP" and image.width * image.height > MAX_WEBP_PIXELS:
        raise BadPicture(
            f"{image.width}x{image.height} is too large: of WebP no more than "
            f"{MAX_WEBP_PIXELS // 10**6} megapixels are read, save it smaller"
        )


def _metadata(image: Image.Image, file: BinaryIO) -> Metadata:
    """What Pillow found of a format that is not read here before it, and the colours that it does
    not look for."""
    found = Metadata(exif=image.info.get("exif") or b"", xmp=image.info.get("xmp") or b"")
    profile = image.info.get("icc_profile")
    if image.format == "JPEG2000":
        profile = jpeg2000.read_profile(file)
    elif image.format == "AVIF":
        profile = profile or avif.read_profile(file)
    if isinstance(profile, bytes):
        found.profiles.append(profile)
    return found


def _to_averageable(image: Image.Image, found: Metadata) -> Image.Image:
    """As L, LA, RGB, RGBA, CMYK or LAB, modes in which pixels can be averaged."""
    if image.mode.startswith("I"):
        return to_8_bit(image, *(found.transparent or ()))
    if image.mode not in _CONVERTIBLE:
        raise BadPicture(f"its colour space ({image.mode}) is unknown here: save it as 8-bit RGB")
    if found.transparent is not None:
        levels = _levels(found)
        image.info["transparency"] = levels if image.mode == "RGB" else levels[0]
    if image.has_transparency_data:
        wanted = "LA" if found.grey or image.mode in ("LA", "La") else "RGBA"
        return image if image.mode == wanted else image.convert(wanted)
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in _AVERAGEABLE else image.convert("RGB")


def _levels(found: Metadata) -> tuple[int, ...]:
    """The transparent colour in the 8 bits to which Pillow brings the samples."""
    if found.depth == 16:
        return tuple(sample >> 8 for sample in found.transparent)
    most = (1 << found.depth) - 1
    return tuple((sample & most) * 255 // most for sample in found.transparent)


def over_white(image: Image.Image) -> Image.Image:
    """Opaque RGB from the modes of `to_srgb`; what is transparent shows white."""
    if image.mode == "LA":
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        backdrop = Image.new("RGBA", image.size, "white")
        backdrop.alpha_composite(image)
        image = backdrop
    return image if image.mode == "RGB" else image.convert("RGB")
