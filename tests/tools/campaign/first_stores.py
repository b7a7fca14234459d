# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores as the first percast wrote them."""

import contextlib
import sqlite3
from pathlib import Path

_SCHEMA = (Path(__file__).parent / "first_schema.sql").read_text(encoding="utf-8")


def as_first(path: Path) -> Path:
    """The rows of a store in tables of the first version, beside it.

    Of a codec without realism it has none, which those tables did not allow: it is 1 there. Model
    ids were in the record of learned codes only.
    """
    first = path.with_name(f"first-{path.name}")
    with contextlib.closing(sqlite3.connect(first, isolation_level=None)) as db:
        db.executescript(_SCHEMA)
        db.execute("PRAGMA user_version = 1")
        db.execute(f"PRAGMA application_id = {0x50524353}")
        db.execute("ATTACH ? AS now", (str(path),))
        for (table,) in db.execute("SELECT name FROM main.sqlite_master").fetchall():
            columns = [row[1] for row in db.execute(f"PRAGMA main.table_info({table})")]
            there = ", ".join("coalesce(realism, 1.0)" if c == "realism" else c for c in columns)
            if columns:
                db.execute(
                    f"INSERT INTO main.{table} ({', '.join(columns)}) "
                    f"SELECT {there} FROM now.{table}"
                )
        db.execute("UPDATE conditions SET settings = json_remove(settings, '$.model_id')")
    return first
