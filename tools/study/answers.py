# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers of a study: one SQLite file, where each lies before its observer hears that it came.

No addresses, no names, no times of day: an observer is a number, the day of joining, what the
operator asked, and what the display check found.
"""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from percast.errors import FileError
from percast.tools.study.names import fingerprint
from percast.tools.study.plan import Folder
from percast.tools.study.schedule import Trial

PEOPLE, SIMULATED = "answers.sqlite", "simulated.sqlite"
LEFT, EQUAL, RIGHT = "left", "equal", "right"
_BUSY_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE observers (
    slot INTEGER PRIMARY KEY,           -- place in the Latin square, in the order of joining
    fingerprint TEXT NOT NULL UNIQUE,   -- SHA-256 of the link's token
    day TEXT NOT NULL,                  -- of joining, UTC
    personal INTEGER NOT NULL,          -- 1: the operator printed this link
    agreed INTEGER NOT NULL DEFAULT 0,
    display TEXT NOT NULL DEFAULT '{}', -- JSON: what the display check found
    asked TEXT NOT NULL DEFAULT '[]'    -- JSON: answers to the operator's questions
);
CREATE TABLE answers (
    slot INTEGER NOT NULL REFERENCES observers (slot),
    number INTEGER NOT NULL,            -- of the trial, in the observer's order
    kind TEXT NOT NULL,                 -- pair, repeat, catch
    picture INTEGER NOT NULL,
    left INTEGER NOT NULL,              -- conditions
    right INTEGER NOT NULL,
    choice TEXT NOT NULL,               -- left, equal, right
    reaction_ms REAL NOT NULL,          -- both pictures on show till the answer, page's clock
    original_ms REAL NOT NULL,          -- of it, the original was on show
    shows INTEGER NOT NULL,             -- 1, and one for each pause in between
    zoom REAL NOT NULL,                 -- pixels of the screen for one of the picture
    pixel_ratio REAL NOT NULL,          -- pixels of the screen for one of the page
    PRIMARY KEY (slot, number)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Given:
    """What an observer did.

    Attributes:
        as the columns of `answers`.
    """

    choice: str
    reaction_ms: float
    original_ms: float = 0.0
    shows: int = 1
    zoom: float = 1.0
    pixel_ratio: float = 1.0


@dataclass(frozen=True)
class Answer:
    """A row of `answers`."""

    slot: int
    trial: Trial
    given: Given


class Answers:
    """The open file; for one process, any number of threads.

    Args:
        path, connection: of it.

    Attributes:
        simulated: what observers were simulated; None for people.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection):
        self.path, self._db = path, connection
        self.simulated: str | None = None
        self._lock = threading.Lock()
        connection.row_factory = sqlite3.Row

    @classmethod
    def open(cls, folder: Folder, simulated: bool | str = False, create: bool = False) -> Self:
        """The answers to a study.

        Args:
            simulated: those of `percast study simulate`; to create them, what was simulated.
            create: where there are none yet, begin.

        Raises:
            FileError: none are there, they cannot be read or written, or they belong to another
                study than the one that `study.json` now describes.
        """
        path = folder.path / (SIMULATED if simulated else PEOPLE)
        if not create and not path.is_file():
            hint = "simulate" if simulated else "serve"
            raise FileError(f"{path}: no answers yet: `percast study {hint} {folder.path}`")
        with _told(path):
            db = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            found = cls(path, db)
            # Of a file whose making was cut off there is nothing yet: the tables come all at once.
            empty = not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if empty and create:
                about = {"study": folder.sha256, "simulated": simulated or ""}
                db.executescript(f"BEGIN; {_SCHEMA}")
                db.executemany("INSERT INTO about VALUES (?, ?)", about.items())
                db.execute("COMMIT")
            if empty and not create:
                db.close()
                raise FileError(f"{path}: no answers yet")
            about = dict(map(tuple, db.execute("SELECT key, value FROM about")))
        if about.get("study") != folder.sha256:
            found.close()
            raise FileError(
                f"{folder.path / 'study.json'} was changed after the first answer: put it back, "
                "or make a new study"
            )
        found.simulated = about.get("simulated") or None
        return found

    # Observers

    def join(self, token_of: Callable[[int], str]) -> int:
        """The next free place in the square.

        Args:
            token_of: slot -> token of its link.
        """
        with self._transaction():
            return self._join(token_of, personal=False)

    def personal(self, count: int, token_of: Callable[[int], str]) -> list[int]:
        """Slots of the operator's own links: the first so many, made where they are not there."""
        with self._transaction() as db:
            rows = db.execute("SELECT slot FROM observers WHERE personal ORDER BY slot").fetchall()
            slots = [row[0] for row in rows]
            while len(slots) < count:
                slots.append(self._join(token_of, personal=True))
        return slots[:count]

    def _join(self, token_of: Callable[[int], str], personal: bool) -> int:
        query = "SELECT coalesce(max(slot) + 1, 0) FROM observers"
        slot = self._db.execute(query).fetchone()[0]
        day = datetime.now(UTC).date().isoformat()
        self._db.execute(
            "INSERT INTO observers (slot, fingerprint, day, personal) VALUES (?, ?, ?, ?)",
            (slot, fingerprint(token_of(slot)), day, int(personal)),
        )
        return slot

    def slot_of(self, token: str) -> int | None:
        """Who has that link; None for nobody."""
        with self._lock, _told(self.path):
            row = self._db.execute(
                "SELECT slot FROM observers WHERE fingerprint = ?", (fingerprint(token),)
            ).fetchone()
        return None if row is None else row[0]

    def agree(self, slot: int, display: Mapping[str, Any], asked: Sequence[str]) -> None:
        """The observer has read the operator's text and takes part."""
        with self._transaction() as db:
            db.execute(
                "UPDATE observers SET agreed = 1, display = ?, asked = ? WHERE slot = ?",
                (json.dumps(dict(display)), json.dumps(list(asked)), slot),
            )

    def agreed(self, slot: int) -> bool:
        """Whether the observer does."""
        with self._lock, _told(self.path):
            row = self._db.execute("SELECT agreed FROM observers WHERE slot = ?", (slot,))
            return bool(row.fetchone()[0])

    def observers(self) -> list[dict[str, Any]]:
        """Slot, day, agreed, display and asked of all who joined."""
        with self._lock, _told(self.path):
            rows = self._db.execute("SELECT * FROM observers ORDER BY slot").fetchall()
        return [
            {
                "slot": row["slot"],
                "day": row["day"],
                "agreed": bool(row["agreed"]),
                "display": json.loads(row["display"]),
                "asked": json.loads(row["asked"]),
            }
            for row in rows
        ]

    # Answers

    def done(self, slot: int) -> int:
        """How many trials an observer has answered; they are answered in order."""
        with self._lock, _told(self.path):
            return self._done(slot)

    def _done(self, slot: int) -> int:
        query = "SELECT count(*) FROM answers WHERE slot = ?"
        return self._db.execute(query, (slot,)).fetchone()[0]

    def add(self, slot: int, trial: Trial, given: Given) -> bool:
        """Write an answer down; whether it is there now.

        One that was there before stays as it was: whoever sends it again has not heard that it
        came. False only for a trial whose turn it is not.
        """
        row = {"slot": slot, **asdict(trial), **asdict(given)}
        with self._transaction() as db:
            done = self._done(slot)
            if trial.number == done:
                db.execute(_INSERT, row)
            return trial.number <= done

    def add_all(self, answers: Sequence[Answer]) -> None:
        """Many at once, for simulations."""
        rows = [{"slot": a.slot, **asdict(a.trial), **asdict(a.given)} for a in answers]
        with self._transaction() as db:
            db.executemany(_INSERT, rows)

    def rows(self) -> list[Answer]:
        """All, by observer and trial."""
        with self._lock, _told(self.path):
            found = self._db.execute("SELECT * FROM answers ORDER BY slot, number").fetchall()
        return [
            Answer(
                row["slot"],
                Trial(**{f.name: row[f.name] for f in fields(Trial)}),
                Given(**{f.name: row[f.name] for f in fields(Given)}),
            )
            for row in found
        ]

    def close(self) -> None:
        """Everything is in the one file afterwards."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _told(self.path), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db


_COLUMNS = ["slot", *(f.name for f in fields(Trial)), *(f.name for f in fields(Given))]
_INSERT = (
    f"INSERT INTO answers ({', '.join(_COLUMNS)}) "
    f"VALUES ({', '.join(':' + name for name in _COLUMNS)})"
)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """What SQLite says inside is a `FileError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise FileError(f"{path}: {error}") from error
