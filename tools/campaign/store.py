# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of a campaign: one SQLite file (WAL), see `schema.sql`.

One process writes, any number read meanwhile. What `done` has returned from is on the disk; what it
has not, is not there at all.
"""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from percast.errors import FileError
from percast.tools.campaign.tables import file as store_file
from percast.tools.campaign.tables.rows import (
    MADE,
    ROWS,
    cells_of,
    row_of,
    with_model_id,
    worker_died,
)


@dataclass(frozen=True)
class Shot:
    """One transmission that is to be made.

    Attributes:
        shot, seq: its number, and its place in time.
        picture: SHA-256 of the picture.
        number: of the picture in its source, from 0.
        repeat: of the condition.
        condition: a row of `conditions`, `settings` parsed.
        seed: of the channel.
        cells: (cell, realism) of what is decoded of it; None of a codec that has none.
    """

    shot: int
    seq: int
    picture: str
    number: int
    repeat: int
    condition: Mapping[str, Any]
    seed: int
    cells: tuple[tuple[int, float | None], ...]


@dataclass(frozen=True)
class Done:
    """A shot that was made, with its cells.

    Attributes:
        shot: its number.
        arrival: columns of `arrivals`.
        decodes: columns of `decodes` of each cell, without the number of the pass.
        equalised: columns of `equalised`, where symbols are kept.
    """

    shot: int
    arrival: Mapping[str, Any]
    decodes: Sequence[Mapping[str, Any]]
    equalised: Mapping[str, Any] | None = field(default=None, repr=False)


class Store:
    """An open store; close it, or use it in a `with` block. See `open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: int | None):
        self.path, self._db, self._lock = path, connection, lock
        connection.row_factory = sqlite3.Row

    @classmethod
    def open(cls, path: str | os.PathLike, create: bool = False, write: bool = False) -> Self:
        """A store.

        Args:
            path: of the file.
            create: make a new one, which must not be there yet; implies `write`.
            write: keep others from writing while it is open.

        Raises:
            FileError: it cannot be read or written, is no campaign, or another process writes it.
        """
        path = Path(path)
        if create and path.exists():
            raise FileError(
                f"{path} is there already: `percast campaign resume {path}` goes on with it"
            )
        if not create and not path.is_file():
            raise FileError(f"{path}: there is no such campaign")
        lock = store_file.lock(path) if create or write else None
        try:
            with store_file.told(path):
                if create:
                    return cls(path, store_file.create(path), lock)
                return cls(path, store_file.connect(path, write), lock)
        except BaseException:
            store_file.unlock(path, lock)
            raise

    # What is read

    def frozen(self) -> dict[str, Any]:
        """All that was written down when the campaign began: plan, percast, models, machine."""
        with store_file.told(self.path):
            return {
                key: json.loads(value) for key, value in self._db.execute("SELECT * FROM frozen")
            }

    def conditions(self) -> list[dict[str, Any]]:
        """The conditions, `settings` parsed."""
        with store_file.told(self.path):
            rows = self._db.execute("SELECT * FROM conditions ORDER BY condition")
            return [dict(row) | {"settings": json.loads(row["settings"])} for row in rows]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each cell that is done, and for each time that it was decoded again."""
        with store_file.told(self.path):
            return [row_of(found) for found in self._db.execute(ROWS)]

    def columns(self) -> list[str]:
        """Names of the columns of `rows`, also where there are none yet."""
        with store_file.told(self.path):
            named = self._db.execute(f"SELECT * FROM ({ROWS}) LIMIT 0").description
        return [*(name for name, *_ in named), "cbr"]

    def picture(self, cell: int, decode: int = 0) -> bytes | None:
        """PNG of a received picture; None where there is none."""
        query = "SELECT image FROM decodes WHERE cell = ? AND decode = ?"
        return self._one(query, cell, decode)

    def reference(self, picture_sha256: str) -> bytes:
        """PNG of a picture as it was sent.

        Raises:
            FileError: the store has no such picture.
        """
        image = self._one("SELECT image FROM pictures WHERE sha256 = ?", picture_sha256)
        if image is None:
            raise FileError(f"{self.path} has no picture {picture_sha256}")
        return image

    def pictures(self) -> list[dict[str, Any]]:
        """Number, name, size and SHA-256 of what is sent, in the source's order; a picture that
        comes twice is told twice."""
        query = """
            SELECT source.number, source.name, width, height, sha256
            FROM source JOIN pictures ON sha256 = picture ORDER BY source.number"""
        with store_file.told(self.path):
            return [dict(row) for row in self._db.execute(query)]

    def events(self) -> list[tuple[float, str]]:
        """What happened, and when (UTC seconds)."""
        with store_file.told(self.path):
            return [tuple(row) for row in self._db.execute("SELECT * FROM events ORDER BY at")]

    def passes(self) -> list[dict[str, Any]]:
        """The run (decode 0), and each time that everything was decoded again."""
        with store_file.told(self.path):
            rows = self._db.execute("SELECT * FROM passes ORDER BY decode")
            return [dict(row) | {"settings": json.loads(row["settings"])} for row in rows]

    def counts(self) -> dict[str, int]:
        """How many cells and shots there are and are done, how many of these were lost on their
        way, and how many could not be sent; and how many were given up, for their workers died."""
        with store_file.told(self.path):
            return {
                "cells": self._one("SELECT count(*) FROM cells"),
                "shots": self._one("SELECT count(*) FROM shots"),
                "shots_done": self._one(f"SELECT count(*) FROM arrivals WHERE {MADE}"),
                "cells_done": self._one(
                    f"SELECT count(*) FROM cells JOIN arrivals USING (shot) WHERE {MADE}"
                ),
                "shots_lost": self._one(
                    "SELECT count(*) FROM arrivals WHERE NOT received AND error IS NULL"
                ),
                "shots_failed": self._one(
                    f"SELECT count(*) FROM arrivals WHERE error IS NOT NULL AND {MADE}"
                ),
                "shots_given_up": self._one(f"SELECT count(*) FROM arrivals WHERE NOT {MADE}"),
            }

    def finished(self, most: int) -> list[float]:
        """When the last shots were done, UTC seconds, the last first."""
        query = "SELECT done_at FROM arrivals ORDER BY done_at DESC LIMIT ?"
        with store_file.told(self.path):
            return [row[0] for row in self._db.execute(query, (most,))]

    def at_work(self) -> bool:
        """Whether a process writes."""
        return store_file.is_locked(self.path)

    def shots(self, done: bool = False) -> list[Shot]:
        """The shots that are still to be made, also those given up, or those that are done, in
        their order."""
        models = self.frozen().get("models", {})
        conditions = {c["condition"]: with_model_id(c, models) for c in self.conditions()}
        query = f"""
            SELECT shots.*, group_concat(cell || ':' || coalesce(realism, '')) AS cells
            FROM shots JOIN cells USING (shot)
            WHERE {"" if done else "NOT"} EXISTS (
                SELECT 1 FROM arrivals WHERE arrivals.shot = shots.shot AND {MADE})
            GROUP BY shots.shot ORDER BY seq"""
        with store_file.told(self.path):
            found = self._db.execute(query).fetchall()
        return [
            Shot(
                row["shot"], row["seq"], row["picture"], row["number"], row["repeat"],
                conditions[row["condition"]], row["seed"], cells_of(row["cells"]),
            )
            for row in found
        ]  # fmt: skip

    def equalised(self, shot: int) -> dict[str, Any] | None:
        """The symbols of a shot, where they were kept."""
        with store_file.told(self.path):
            row = self._db.execute("SELECT * FROM equalised WHERE shot = ?", (shot,)).fetchone()
        return None if row is None else dict(row)

    # What is written

    def freeze(self, **values: Any) -> None:
        """Write down what the campaign is; what was written before under a name is replaced."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO frozen VALUES (?, ?)",
                [(key, json.dumps(value)) for key, value in values.items()],
            )

    def lay_out(
        self,
        pictures: Sequence[Mapping[str, Any]],
        conditions: Sequence[Mapping[str, Any]],
        shots: Sequence[Mapping[str, Any]],
        cells: Sequence[Mapping[str, Any]],
        equalised: Sequence[Mapping[str, Any]] = (),
        **frozen: Any,
    ) -> None:
        """Write down all that is to be done, as a whole or not at all.

        Args:
            pictures: in the source's order; one that comes several times is kept once.
            conditions, shots, cells, equalised: rows of the tables.
            frozen: by key.
        """
        first: dict[str, Mapping[str, Any]] = {}
        for row in pictures:
            first.setdefault(row["sha256"], row)
        source = [
            {"number": row["number"], "picture": row["sha256"], "name": row["name"]}
            for row in pictures
        ]
        conditions = [row | {"settings": json.dumps(row["settings"])} for row in conditions]
        with self._transaction() as db:
            for table, rows in (
                ("pictures", list(first.values())), ("source", source),
                ("conditions", conditions), ("shots", shots), ("cells", cells),
                ("equalised", equalised),
            ):  # fmt: skip
                _insert(db, table, rows)
            db.executemany(
                "INSERT INTO frozen VALUES (?, ?)",
                [(key, json.dumps(value)) for key, value in frozen.items()],
            )
            _insert(db, "passes", [{"decode": 0, "at": time.time(), "settings": "{}"}])

    def done(self, shot: Done) -> bool:
        """Write a shot down with its cells, as a whole; False if it was there already. One that was
        given up is made anew."""
        with self._transaction() as db:
            known = db.execute("SELECT error FROM arrivals WHERE shot = ?", (shot.shot,)).fetchone()
            if known:
                if not worker_died(dict(known)):
                    return False
                its = "(SELECT cell FROM cells WHERE shot = ?)"
                db.execute(f"DELETE FROM main.decodes WHERE cell IN {its}", (shot.shot,))
                db.execute("DELETE FROM arrivals WHERE shot = ?", (shot.shot,))
            _insert(db, "arrivals", [{"shot": shot.shot, "done_at": time.time(), **shot.arrival}])
            _insert(db, "decodes", [{"decode": 0, **decode} for decode in shot.decodes])
            if shot.equalised is not None:
                _insert(db, "equalised", [{"shot": shot.shot, **shot.equalised}])
        return True

    def new_pass(self, settings: Mapping[str, Any], **told: Any) -> int:
        """The number for another decoding of everything; the same settings go on with theirs.

        Args:
            settings: of it, and what tells models and weights from others.
            told: what else is to be written down of it.
        """
        with self._transaction() as db:
            for decode, text in db.execute("SELECT decode, settings FROM passes WHERE decode > 0"):
                if json.loads(text).items() >= json.loads(json.dumps(settings)).items():
                    return decode
            number = 1 + db.execute("SELECT max(decode) FROM passes").fetchone()[0]
            text = json.dumps({**settings, **told})
            _insert(db, "passes", [{"decode": number, "at": time.time(), "settings": text}])
        return number

    def decoded_cells(self, decode: int) -> set[int]:
        """The cells of a pass that are done."""
        with store_file.told(self.path):
            found = self._db.execute("SELECT cell FROM decodes WHERE decode = ?", (decode,))
            return {row[0] for row in found}

    def keeps_symbols(self) -> bool:
        """Whether any symbols were kept."""
        return self._one("SELECT 1 FROM equalised LIMIT 1") is not None

    def decoded(self, decode: int, decodes: Sequence[Mapping[str, Any]]) -> None:
        """Write down cells that were decoded again."""
        with self._transaction() as db:
            _insert(db, "decodes", [{"decode": decode, **each} for each in decodes])

    def note(self, text: str) -> None:
        """Write down that something happened."""
        with self._transaction() as db:
            db.execute("INSERT INTO events VALUES (?, ?)", (time.time(), text))

    def close(self) -> None:
        """All is in the one file afterwards, unless somebody reads at this moment."""
        if self._lock is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("PRAGMA busy_timeout = 0")
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                # Readers of a WAL file leave an index beside it, and fail where they cannot.
                self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.close()
        store_file.unlock(self.path, self._lock)
        self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _one(self, query: str, *values: Any) -> Any:
        with store_file.told(self.path):
            found = self._db.execute(query, values).fetchone()
        return None if found is None else found[0]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with store_file.told(self.path), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db


def _insert(db: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        names = list(rows[0])
        places = ", ".join(f":{name}" for name in names)
        db.executemany(f"INSERT INTO main.{table} ({', '.join(names)}) VALUES ({places})", rows)
