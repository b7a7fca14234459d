# SPDX-License-Identifier: GPL-3.0-or-later
"""Files within the page, as `data:` addresses (RFC 2397)."""

import base64
import csv
import io
from collections.abc import Iterable, Sequence
from urllib.parse import quote

_PICTURES = {b"\x89PNG": "image/png", b"RIFF": "image/webp", b"\xff\xd8\xff": "image/jpeg"}


def picture_url(content: bytes) -> str:
    """PNG, WebP or JPEG as an address.

    Raises:
        ValueError: of no such kind.
    """
    for start, kind in _PICTURES.items():
        if content.startswith(start):
            return f"data:{kind};base64,{base64.b64encode(content).decode()}"
    raise ValueError("neither PNG, WebP nor JPEG")


def text_url(text: str, kind: str) -> str:
    """Text of a media type, as `text/csv`, as an address."""
    return f"data:{kind};charset=utf-8,{quote(text)}"


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Comma-separated values (RFC 4180), a header line first; None is empty."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(heads)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return lines.getvalue()
