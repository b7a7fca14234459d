# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of a study from a campaign's cells: a condition is a code at a rate."""

import argparse
import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from percast.engines.pictures import BadPicture, decode_picture
from percast.errors import FileError, UsageError
from percast.tools.campaign.store import Store
from percast.tools.campaign.tables.rows import delivered, worker_died
from percast.tools.study.folders import Load
from percast.tools.study.ratios import OURS

Conditions = dict[str, dict[str, Load]]

KEYS = (
    "codec", "cbr", "snr", "realism", "channel", "model", "design-snr", "doppler", "delay-spread",
)  # fmt: skip
_COLUMNS = {
    "cbr": "cbr_asked",
    "snr": "snr_db_set",
    "design-snr": "design_snr_db",
    "doppler": "doppler_hz",
    "delay-spread": "delay_spread_s",
}
_OF_THE_CODE = tuple(key for key in KEYS if key not in ("codec", "cbr"))


def parse_where(text: str) -> tuple[str, tuple[str, ...]]:
    """ "snr=10" or "cbr=1/96,1/48" as a key and the values that it may have.

    Raises:
        ArgumentTypeError: no such key, or no value.
    """
    key, _, values = text.partition("=")
    found = tuple(value.strip() for value in values.split(",") if value.strip())
    if key.strip() not in KEYS or not found:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not KEY=VALUE,VALUE with a KEY of {', '.join(KEYS)}"
        )
    return key.strip(), found


def conditions_of(
    stack: contextlib.ExitStack, path: Path, where: Sequence[tuple[str, tuple[str, ...]]]
) -> tuple[dict[str, Load], Conditions, list[str]]:
    """Originals and conditions of a campaign, and remarks: what differs that `where` does not name.
    A condition of which nothing came out is there, without pictures.

    Args:
        stack: closes the store.
        where: of what cells; all must hold. Of a picture that was sent several times, the first
            that arrived is taken.

    Raises:
        UsageError: no cell is so, or fewer than two conditions.
        FileError: see `Store.open`.
    """
    store = stack.enter_context(Store.open(path))
    rows = [row for row in store.rows() if row["decode"] == 0 and not worker_died(row)]
    for key, values in where:
        _check_some(rows, key, values, path)
        rows = [row for row in rows if any(_is(row, key, value) for value in values)]
    if not any(map(delivered, rows)):
        raise UsageError(f"{path}: no cell with a received picture is so")
    told = [key for key in _OF_THE_CODE if _several(rows, key)]
    names: dict[str, str] = {}
    for each in store.pictures():  # one that comes twice is shown once
        names.setdefault(each["sha256"], each["name"])
    conditions: Conditions = {}
    settings: dict[str, tuple[int, float]] = {}
    # Ours first: it is ours whose share of the other's bandwidth is asked for.
    for row in sorted(rows, key=lambda r: (_code(r) != OURS, r["codec"], r["cbr"], r["repeat"])):
        words = [_code(row), *(f"{key} {_text(row, key)}" for key in told if _tells(row, key))]
        name = f"{' '.join(words)}@{row['cbr_asked']}"
        pictures = conditions.setdefault(name, {})
        if not delivered(row):
            continue
        this = row["condition"], row["realism"]
        if settings.setdefault(name, this) != this:
            raise UsageError(f"{path}: '{name}' are several conditions that --where cannot tell")
        pictures.setdefault(names[row["picture_sha256"]], _cell(store, row["cell"]))
    originals = {name: _original(store, sha256) for sha256, name in names.items()}
    named = {key for key, _ in where}
    remarks = [
        f"{key} differs ({', '.join(sorted(_texts(rows, key)))}) and no --where "
        "names it: so many more conditions"
        for key in told if key not in named
    ]  # fmt: skip
    return originals, conditions, remarks


def _code(row: dict[str, Any]) -> str:
    return OURS if row["codec"] == "learned" else row["codec"]


def _check_some(rows: list[dict[str, Any]], key: str, values: tuple[str, ...], path: Path) -> None:
    """Raises `UsageError` with what there is, where no cell has one of the values."""
    if rows and not any(_is(row, key, value) for row in rows for value in values):
        there = ", ".join(sorted(_texts(rows, key))) or "none"
        raise UsageError(f"{path}: no cell has {key} {' or '.join(values)}; there is {there}")


def _several(rows: list[dict[str, Any]], key: str) -> bool:
    """Whether a setting differs between conditions of one code."""
    codes = {_code(row) for row in rows}
    return any(len({_text(row, key) for row in rows if _code(row) == code}) > 1 for code in codes)


def _tells(row: dict[str, Any], key: str) -> bool:
    """Codecs without models have their own name there, those without realism none."""
    if key == "realism":
        return row["realism"] is not None
    return key != "model" or row["model"] != row["codec"]


def _texts(rows: list[dict[str, Any]], key: str) -> set[str]:
    return {_text(row, key) for row in rows if _tells(row, key)}


def _text(row: dict[str, Any], key: str) -> str:
    value = row[_COLUMNS.get(key, key)]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is(row: dict[str, Any], key: str, value: str) -> bool:
    if key == "codec":
        return value in (row["codec"], _code(row))
    found = row[_COLUMNS.get(key, key)]
    if key == "realism" and found is None:  # whatever is asked for, it is the same picture
        return True
    if isinstance(found, (int, float)):
        with contextlib.suppress(ValueError):
            return float(found) == float(value)
    return str(found) == value


def _cell(store: Store, cell: int) -> Load:
    return _png(lambda: store.picture(cell), f"{store.path}: cell {cell}")


def _original(store: Store, sha256: str) -> Load:
    return _png(lambda: store.reference(sha256), str(store.path))


def _png(read: Callable[[], bytes | None], what: str) -> Load:
    def load() -> np.ndarray:
        data = read()
        if data is None:
            raise UsageError(f"{what} kept no picture: the campaign's plan must keep them")
        try:
            return decode_picture(io.BytesIO(data))
        except BadPicture as error:
            raise FileError(f"{what}: damaged: {error}") from error

    return load
