# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records of a receiver's folder are of one condition: another run into the same `--out`
appends to it, and what stands in for a picture that was lost is no code's work."""

from collections.abc import Sequence
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any

from percast.engines.codecs.registry import BUILT_IN
from percast.errors import FileError
from percast.tools.study.config import parse_label
from percast.tools.study.ratios import is_ours

Record = dict[str, Any]

_STRIDE = 16  # pixels to whole multiples of which our codecs pad
_SLACK = 1.2  # what other codecs may differ from their nominal rate by, besides


def came_out(record: Record) -> bool:
    """Whether it has a picture: with `--conceal` there is a file also of one that was lost."""
    return bool(record.get("file") and record.get("name")) and not record.get("undecodable")


def of_condition(records: Sequence[Record], label: str, folder: Path) -> list[Record]:
    """Those of the codec and the rate that a condition's name tells, as far as it tells them, and
    as far as the records do.

    Args:
        label: such as "percast@1/48".
        folder: for errors.

    Raises:
        FileError: none is, or what is left is of several codecs or rates.
    """
    code, rate = parse_label(label)
    codec = BUILT_IN[1][0] if is_ours(code) else code
    known = codec in {name for name, _ in BUILT_IN.values()} | {_codec(each) for each in records}
    found = [
        each
        for each in records
        if (not known or _codec(each) in ("", codec))
        and (rate is None or _is_of(each, Fraction(rate)))
    ]
    if records and not found:
        raise FileError(f"{folder} has nothing of {label}, but {_told(records)}")
    if _differ(found):
        raise FileError(
            f"{folder}: '{label}' would be {_told(found)}, and a condition is one code at one "
            "rate: name it as percast@1/48, or give each run its own --out"
        )
    return found


def _codec(record: Record) -> str:
    return str(record.get("codec") or "")


def _range(record: Record) -> tuple[float, float] | None:
    """Nominal rates that a record's own may stand for, which counts symbols for a sample of the
    picture without its padding; None where it tells none."""
    numbers = [record.get(key) for key in ("cbr", "width", "height")]
    if not all(type(n) in (int, float) and isfinite(n) and n > 0 for n in numbers):
        return None  # written by another program, or by hand
    cbr, width, height = numbers
    padded = (-(-width // _STRIDE) * _STRIDE) * (-(-height // _STRIDE) * _STRIDE)
    return cbr * width * height / padded / _SLACK, cbr * _SLACK


def _is_of(record: Record, rate: Fraction) -> bool:
    limits = _range(record)
    return limits is None or limits[0] <= rate <= limits[1]


def _differ(records: Sequence[Record]) -> bool:
    """Whether they are of several codecs, or several rates."""
    if len({_codec(each) for each in records} - {""}) > 1:
        return True
    with_rates = [each for each in records if _range(each)]
    lows, highs = zip(*map(_range, with_rates), strict=True) if with_rates else ((0,), (0,))
    # Of one size, pictures have one rate to the last symbol.
    rates = {(each["width"], each["height"], each["cbr"]) for each in with_rates}
    return max(lows) > min(highs) or len(rates) > len({rate[:2] for rate in rates})


def _told(records: Sequence[Record]) -> str:
    """ "hevc-ldpc at 1/48, learned at 1/24"; of padded pictures, what was sent for them."""

    def words(record: Record) -> str:
        rate = f" at 1/{1 / record['cbr']:.4g}" if _range(record) else ""
        return f"{_codec(record) or 'no codec'}{rate}"

    return ", ".join(sorted(set(map(words, records))))
