# SPDX-License-Identifier: GPL-3.0-or-later
"""A sheet of pictures side by side with captions."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_MARGIN, _GAP = 28, 14
_INK, _FAINT, _PAPER, _EMPTY = "#1a1a1a", "#666666", "#ffffff", "#eeeeee"


@dataclass(frozen=True)
class Cell:
    """One picture with a line below it.

    Args:
        rgb: uint8 [H, W, 3], or None for an empty frame.
        caption: the line below; stands inside the frame when there is no picture.
    """

    rgb: np.ndarray | None
    caption: str = ""


def draw(
    title: str, lines: list[str], columns: list[tuple[str, str]], rows: list[list[Cell]]
) -> Image.Image:
    """A contact sheet.

    Args:
        title: in large type.
        lines: below it, in small type.
        columns: heading and what it means, one pair per column.
        rows: cells, all pictures of one size.
    """
    height, width = next(c.rgb for row in rows for c in row if c.rgb is not None).shape[:2]
    large, bold, small = (ImageFont.load_default(size) for size in (30, 20, 15))
    top = _MARGIN + 44 + 22 * len(lines) + 18
    head = 58
    row_height = height + 30
    sheet = Image.new(
        "RGB",
        (
            2 * _MARGIN + len(columns) * (width + _GAP) - _GAP,
            top + head + len(rows) * row_height + _MARGIN,
        ),
        _PAPER,
    )
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, _MARGIN), title, _INK, large)
    for i, line in enumerate(lines):
        pen.text((_MARGIN, _MARGIN + 46 + 22 * i), line, _FAINT, small)
    for c, (heading, meaning) in enumerate(columns):
        x = _MARGIN + c * (width + _GAP)
        pen.text((x, top), heading, _INK, bold)
        pen.text((x, top + 27), meaning, _FAINT, small)
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            x, y = _MARGIN + c * (width + _GAP), top + head + r * row_height
            if cell.rgb is None:
                pen.rectangle((x, y, x + width - 1, y + height - 1), _EMPTY)
                pen.text((x + width // 2, y + height // 2), cell.caption, _FAINT, small, "mm")
            else:
                sheet.paste(Image.fromarray(cell.rgb), (x, y))
                pen.text((x, y + height + 5), cell.caption, _FAINT, small)
    return sheet
