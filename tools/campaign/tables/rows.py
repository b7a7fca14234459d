# SPDX-License-Identifier: GPL-3.0-or-later
"""How rows of a store are read, and what they mean."""

import sqlite3
from collections.abc import Mapping
from typing import Any

WORKER_DIED = "its worker died"
"""Begins the `error` of a shot that nobody has made: those who computed it died. That says nothing
of the code, and such a shot is still to be made."""

MADE = f"coalesce(arrivals.error, '') NOT LIKE '{WORKER_DIED}%'"
"""In SQL, of an arrival that is none of these."""

ROWS = """
SELECT cells.cell, shots.shot, shots.seq, source.name AS picture,
    pictures.sha256 AS picture_sha256, shots.number AS picture_number,
    pictures.width, pictures.height,
    shots.repeat, shots.condition, conditions.codec, decodes.model, conditions.cbr AS cbr_asked,
    conditions.design_snr_db, arrivals.cbr_sent, arrivals.overhead, conditions.channel,
    conditions.delay_spread_s, conditions.doppler_hz, conditions.snr_db_set,
    coalesce(arrivals.gain_db_took, conditions.gain_db) AS gain_db,
    decodes.realism, decodes.decode, arrivals.received, decodes.undecodable,
    arrivals.snr_db_measured, arrivals.evm_db, arrivals.freq_offset_hz, arrivals.clock_ppm,
    arrivals.symbols, arrivals.erased, arrivals.encode_s, arrivals.air_s, decodes.decode_s,
    arrivals.encode_s + arrivals.air_s + decodes.decode_s AS latency_s,
    decodes.psnr_db, decodes.ms_ssim, decodes.lpips, decodes.lpips_vgg, decodes.dists,
    arrivals.sent_at, arrivals.received_at, shots.seed, arrivals.attempts, arrivals.worker,
    coalesce(arrivals.error, decodes.error) AS error
FROM decodes JOIN cells USING (cell) JOIN shots USING (shot) JOIN arrivals USING (shot)
    JOIN conditions USING (condition) JOIN source USING (number)
    JOIN pictures ON pictures.sha256 = shots.picture
ORDER BY decodes.decode, shots.seq, cells.cell
"""


def worker_died(row: Mapping[str, Any]) -> bool:
    """Whether a row is of a shot that nobody has made; see `WORKER_DIED`."""
    return (row.get("error") or "").startswith(WORKER_DIED)


def delivered(row: Mapping[str, Any]) -> bool:
    """Whether a picture came out: something arrived, and it could be decoded. What arrives in part
    may be no picture: HEVC below its cliff."""
    return bool(row["received"]) and not row["undecodable"] and not row["error"]


def row_of(found: sqlite3.Row) -> dict[str, Any]:
    """A row of `Store.rows`."""
    row = dict(found)
    numerator, _, denominator = row["cbr_asked"].partition("/")
    row["cbr"] = int(numerator) / int(denominator or 1)
    return row | {"received": bool(row["received"]), "undecodable": bool(row["undecodable"])}


def with_model_id(condition: dict[str, Any], models: Mapping[str, Any]) -> dict[str, Any]:
    """Stores of the first version have it among `models`, and of learned codes only."""
    settings = condition["settings"]
    if "model_id" in settings or condition["codec"] != "learned":
        return condition
    model_id = models[settings["codec"]["model"]]["id"]
    return condition | {"settings": settings | {"model_id": model_id}}


def cells_of(text: str) -> tuple[tuple[int, float | None], ...]:
    """(cell, realism) from "cell:realism,cell:"; see `Shot.cells`."""
    pairs = (pair.split(":") for pair in text.split(","))
    return tuple(
        sorted((int(cell), float(realism) if realism else None) for cell, realism in pairs)
    )
