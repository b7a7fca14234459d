# SPDX-License-Identifier: GPL-3.0-or-later
"""What travels between the page and the link.

From the page: one JSON object, {"do": NAME, "value": VALUE}, of a verb of
`percast.tools.controls.table`; {"picture": KEY} says which one is on show. The HTTP call
POST /api/NAME takes the same without "do".

To the page: JSON objects with a "type"; pictures as bytes: the length of a JSON head (4 bytes,
network order), the head, a JPEG of the picture, one of its original if that is known. The head's
"bytes" tells the lengths of both.
"""

import io
import json
import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from percast.blocks.images.records import to_json
from percast.tools.controls import table
from percast.tools.controls.table import VERBS
from percast.tools.view.shown import Shown

MAX_BYTES = 1024  # of a message from the page
_QUALITY = 92  # of the JPEGs on the page; a saved picture is a PNG
OF_PICTURE = frozenset({"realism"})
"""Verbs that may be told which picture is on show."""
_KEY = re.compile(r"[0-9a-f]{8}-[0-9]{1,10}")


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Args:
        name: of the verb.
        value: checked.
        picture: key of the one on show, None for the newest.
    """

    name: str
    value: Any
    picture: str | None = None


def parse(data: str | bytes, name: str | None = None) -> Asked:
    """A verb with its value from JSON.

    Args:
        data: at most `MAX_BYTES`.
        name: the verb where the address says it.

    Raises:
        ValueError: it makes no sense; one line that says why.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    try:
        asked = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError("not JSON") from error
    if not isinstance(asked, dict):
        raise ValueError("not a JSON object")
    if name is None:
        name = asked.pop("do", None)
    if not isinstance(name, str) or name not in VERBS:
        raise ValueError(f"there is no such verb; there are {', '.join(VERBS)}")
    shows = name in OF_PICTURE
    if "value" not in asked or set(asked) - {"value", *(("picture",) if shows else ())}:
        raise ValueError(f"{name}: expected a value and nothing else")
    picture = asked.get("picture")
    if picture is not None and not (isinstance(picture, str) and _KEY.fullmatch(picture)):
        raise ValueError(f"{name}: no key of a picture")
    return Asked(name, table.parse({name: asked["value"]})[name], picture)


def text(kind: str, **fields: Any) -> str:
    """A message to the page. Raises TypeError for what is no JSON."""
    return to_json({"type": kind, **fields})


def picture(shown: Shown, again: bool = False) -> bytes:
    """A picture to the page.

    Args:
        again: it was on show before, and its original with it.
    """
    record = shown.record
    head = {
        "type": "picture",
        "key": shown.key,
        "again": again,
        "realism": shown.realism,
        "wished": None if shown.arrived is None else shown.arrived.header.realism,
        "name": record.get("name"),
        "width": record["width"],
        "height": record["height"],
        "cbr": record["cbr"],
        "callsign": record["callsign"],
        "lost_symbols": record.get("lost_symbols"),
        "latency_ms": _latency(record),
        **{key: record.get(key) for key in ("snr_db", "evm_db", "psnr_db", "lpips")},
    }
    if again:
        head |= {key: record.get(key) for key in ("waited_ms", "decoding_ms")}
    originals = () if again else (shown.original,)
    parts = [_jpeg(rgb) for rgb in (shown.rgb, *originals) if rgb is not None]
    head["bytes"] = [len(part) for part in parts]
    packed = to_json(head).encode()
    return b"".join([struct.pack(">I", len(packed)), packed, *parts])


def _latency(record: dict) -> float | None:
    if not record.get("clocks_agree", True):
        return None
    return 1e3 * (record["decoded_at"] - record["read_at"])


def _jpeg(rgb: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
