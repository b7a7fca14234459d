# SPDX-License-Identifier: GPL-3.0-or-later
"""What another program publishes, made into what our page can show; it may be anything."""

import dataclasses
import json
import math
from typing import Any

from percast.blocks.stats.tree import LoopbackStats, ReceiverStats, TransmitterStats

MAX_BYTES = 1 << 18  # of a message that is no picture
_MAX_POINTS = 8192
_WORDS = 200
_NUMBERS = ("cbr", "snr_db", "evm_db", "psnr_db", "lpips", "lost_symbols", "read_at", "decoded_at")


def message(kind: str, data: bytes) -> dict[str, Any]:
    """A message of one of the `TOPICS`.

    Raises:
        ValueError: it is none; one line that says why.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"{kind}: {len(data)} bytes, the limit is {MAX_BYTES}")
    try:
        told = json.loads(data, parse_constant=lambda name: None)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{kind}: no JSON") from error
    if not isinstance(told, dict) or told.get("type") != kind:
        raise ValueError(f'{kind}: not an object whose "type" says so')
    return _CHECKS[kind](told)


def _figures(told: dict) -> dict[str, Any]:
    stats = told.get("stats")
    tree = LoopbackStats if isinstance(stats, dict) and "receiver" in stats else ReceiverStats
    _check_tree(stats, tree, "stats")
    return {
        "stats": stats,
        "erased": number(told.get("erased")) or 0,
        "source": words(told.get("source")) or "another program",
    }


def _check_tree(branch: Any, kind: type, where: str) -> None:
    """Whether a branch has what `percast.blocks.stats.tree` says: later versions may have more."""
    if not isinstance(branch, dict):
        raise ValueError(f"figures: {where} is no object")
    trees = (LoopbackStats, ReceiverStats, TransmitterStats)
    for field in dataclasses.fields(kind):
        value, place = branch.get(field.name), f"{where}.{field.name}"
        if field.name in ("receiver", "transmitter"):
            _check_tree(value, trees[1 + (field.name == "transmitter")], place)
        elif dataclasses.is_dataclass(field.type):
            _check_tree(value, field.type, place)
        elif field.type in (int, float):
            if number(value) is None:
                raise ValueError(f"figures: {place} is no number")
        elif field.type == (float | None):
            if value is not None and number(value) is None:
                raise ValueError(f"figures: {place} is no number")
        elif field.name == "latency_ms" and not isinstance(value, dict):
            raise ValueError(f"figures: {place} is no object")


def _air(told: dict) -> dict[str, Any]:
    carriers = _numbers("air", told.get("carriers"))
    curves = {key: _numbers("air", told.get(key)) for key in ("channel_db", "snr_db")}
    if any(len(curve) != len(carriers) for curve in curves.values()) or None in carriers:
        raise ValueError("air: a value for each carrier is needed")
    points = told.get("points")
    if not isinstance(points, list) or len(points) > _MAX_POINTS:
        raise ValueError("air: no list of points")
    points = [_numbers("air", point) for point in points]
    if any(len(point) != 2 or None in point for point in points):
        raise ValueError("air: a point has two numbers")
    return {
        "points": points,
        "noise_var": number(told.get("noise_var")),
        "carriers": carriers,
        **curves,
    }


def _spectrum(told: dict) -> dict[str, Any]:
    rate = number(told.get("samp_rate"))
    if rate is None or rate <= 0:
        raise ValueError("spectrum: no sample rate")
    return {"samp_rate": rate, "power_db": _numbers("spectrum", told.get("power_db"))}


_CHECKS = {"figures": _figures, "air": _air, "spectrum": _spectrum}


def _numbers(kind: str, value: Any) -> list[float | None]:
    """Finite numbers, None for what is unknown; at least one."""
    if not isinstance(value, list) or not 0 < len(value) <= _MAX_POINTS:
        raise ValueError(f"{kind}: no list of numbers")
    return [number(item) for item in value]


def record(header: dict[str, Any]) -> dict[str, Any]:
    """What the page says of a picture, from the header of its message."""
    known = {key: number(header.get(key)) for key in _NUMBERS}
    timed = known["read_at"] is not None and known["decoded_at"] is not None
    return known | {
        "name": words(header["name"]) or None,
        "width": header["width"],
        "height": header["height"],
        "callsign": words(header.get("callsign")),
        "clocks_agree": timed and header.get("clocks_agree") is True,
    }


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None


def words(value: Any) -> str:
    """Printable text, not too long; empty for anything else."""
    text = value if isinstance(value, str) else ""
    return "".join(c if c.isprintable() else "?" for c in text[:_WORDS])
