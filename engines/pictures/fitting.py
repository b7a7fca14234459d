# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture at another size: cropped to its aspect ratio about the centre, then resized."""

from PIL import Image

Size = tuple[int, int]  # (width, height), pixels

# A picture this many times larger than asked for is first averaged over whole pixels, which
# is several times faster than LANCZOS over all of it and looks the same.
REDUCING_GAP = 3.0


def fit_image(image: Image.Image, size: Size) -> Image.Image:
    """`image` at `size`, (W, H)."""
    return image.resize(
        size, Image.Resampling.LANCZOS, box=_centre_box(image.size, size), reducing_gap=REDUCING_GAP
    )


def reduce(image: Image.Image, size: Size) -> Image.Image:
    """Averages whole pixels while that leaves `REDUCING_GAP` times the wanted size.

    Done first, so that the copies which conversions make are small.
    """
    factor = int(min(image.width / size[0], image.height / size[1]) / REDUCING_GAP)
    return image.reduce(factor) if factor > 1 else image


def _centre_box(given: Size, wanted: Size) -> tuple[int, int, int, int]:
    """The largest box about the centre of `given` with the aspect ratio of `wanted`.

    Whole pixels, so that a picture that is only cropped keeps its values exactly.
    """
    width = max(1, min(given[0], round(given[1] * wanted[0] / wanted[1])))
    height = max(1, min(given[1], round(given[0] * wanted[1] / wanted[0])))
    left, top = (given[0] - width) // 2, (given[1] - height) // 2
    return left, top, left + width, top + height
