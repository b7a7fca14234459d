# SPDX-License-Identifier: GPL-3.0-or-later
"""What travels between the page and the link.

From the page: one JSON object, {"do": NAME, "value": VALUE}, by the table `COMMANDS`; {"picture":
KEY} says which one is on show. The HTTP call POST /api/NAME takes the same without "do".

To the page: JSON objects with a "type"; pictures as bytes: the length of a JSON head (4 bytes,
network order), the head, a JPEG of the picture, one of its original if that is known. The head's
"bytes" tells the lengths of both.
"""

import io
import json
import math
import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from percast.blocks.images.records import to_json
from percast.tools.view.shown import Shown

MAX_BYTES = 1024  # of a message from the page
_QUALITY = 92  # of the JPEGs on the page; a saved picture is a PNG
_KEY = re.compile(r"[0-9a-f]{8}-[0-9]{1,10}")


@dataclass(frozen=True)
class Command:
    """What may be asked of a running link.

    Args:
        summary: one line.
        schema: JSON schema of its value.
        picture: whether it may say which picture is on show.
    """

    summary: str
    schema: dict[str, Any]
    picture: bool = False


COMMANDS = {
    "realism": Command(
        "decode the picture on show again with this realism, and all later ones; "
        "null follows the sender",
        {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        picture=True,
    ),
    "pause": Command("hold the picture on show; the link goes on", {"type": "boolean"}),
    "snr": Command(
        "SNR of the loopback's channel in dB",
        {"type": "number", "minimum": -30, "maximum": 60},
    ),
}


@dataclass(frozen=True)
class Asked:
    """A command with its value.

    Args:
        do: one of `COMMANDS`.
        value: as its schema says.
        picture: key of the one on show, None for the newest.
    """

    do: str
    value: Any
    picture: str | None = None


def parse(data: str | bytes, do: str | None = None) -> Asked:
    """A command from JSON.

    Args:
        data: at most `MAX_BYTES`.
        do: the command where the address says it.

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
    name = asked.pop("do", None) if do is None else do
    command = COMMANDS.get(name) if isinstance(name, str) else None
    if command is None:
        raise ValueError(f"no such command; there are {', '.join(COMMANDS)}")
    if "value" not in asked or set(asked) - {"value", *(("picture",) if command.picture else ())}:
        raise ValueError(f"{name}: expected a value and nothing else")
    picture = asked.get("picture")
    if picture is not None and not (isinstance(picture, str) and _KEY.fullmatch(picture)):
        raise ValueError(f"{name}: no key of a picture")
    return Asked(name, _checked(name, asked["value"], command.schema), picture)


def _checked(name: str, value: Any, schema: dict[str, Any]) -> Any:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if value is None and "null" in kinds:
        return None
    if "boolean" in kinds:
        if not isinstance(value, bool):
            raise ValueError(f"{name}: true or false")
        return value
    low, high = schema["minimum"], schema["maximum"]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"{name}: a number from {low} to {high}")
    return float(value)


def text(kind: str, **fields: Any) -> str:
    """A message to the page. Raises TypeError for what is no JSON."""
    return to_json({"type": kind, **fields})


def picture(shown: Shown, again: bool) -> bytes:
    """A picture to the page.

    Args:
        again: it was on show before.
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
    parts = [_jpeg(rgb) for rgb in (shown.rgb, shown.original) if rgb is not None]
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


def png(rgb: np.ndarray) -> bytes:
    """uint8 [H, W, 3] as a PNG, to keep."""
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG", compress_level=3)
    return out.getvalue()
