# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of a campaign's store: made, opened, locked, and what SQLite says of it."""

import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from percast.errors import FileError
from percast.file_lock import lock_for_writing

SCHEMA = 2
"""Version of the tables, in the file's `user_version`."""

_FIRST = 1
_FIRST_AS_NOW = """
CREATE TEMP VIEW source AS SELECT number, sha256 AS picture, name FROM main.pictures;
CREATE TEMP VIEW shots AS
    SELECT shots.*, pictures.number FROM main.shots JOIN main.pictures ON sha256 = picture;
CREATE TEMP VIEW decodes AS
    SELECT cell, decode, iif((
            SELECT codec FROM main.cells JOIN main.shots USING (shot)
            JOIN main.conditions USING (condition) WHERE cells.cell = decodes.cell
        ) IN ('hevc-ldpc', 'vvc-ldpc', 'jpeg-ldpc', 'webp-ldpc'), NULL, realism) AS realism,
        model, undecodable, error, decode_s, psnr_db, ms_ssim, lpips, lpips_vgg, dists, image
    FROM main.decodes;
"""
"""Shows tables of the first version as those of today; rows for `main` fit both. There a picture
that came twice was sent once, and those after it moved up; codecs without realism were decoded at
each."""

_APPLICATION = 0x50524353  # "PRCS", in the file's header, by which `file` and we know it
_BUSY_SECONDS = 30.0


def create(path: Path) -> sqlite3.Connection:
    """A new file, with empty tables. Under another name until it is whole."""
    half = path.with_name(f".{path.name}.new")
    half.unlink(missing_ok=True)
    db = sqlite3.connect(half, isolation_level=None)
    try:
        schema = (Path(__file__).parents[1] / "schema.sql").read_text(encoding="utf-8")
        db.executescript(f"BEGIN; {schema} COMMIT;")
        db.execute(f"PRAGMA user_version = {SCHEMA}")
        db.execute(f"PRAGMA application_id = {_APPLICATION}")
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    finally:
        db.close()
    half.rename(path)
    return connect(path, write=True)


def connect(path: Path, write: bool) -> sqlite3.Connection:
    """A file that is there.

    Raises:
        FileError: it is no campaign, or one of another version of the tables.
    """
    uri = f"{path.absolute().as_uri()}?mode={'rw' if write else 'ro'}"
    db = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        try:
            version = _version(db, path)
        except sqlite3.OperationalError:
            if write:
                raise
            db.close()  # a stick or a folder where readers cannot write the journal's index either
            db = sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)
            version = _version(db, path)
        if version not in (_FIRST, SCHEMA):
            raise FileError(
                f"{path}: a campaign of another percast (tables {version}, here {SCHEMA})"
            )
        if version == _FIRST:
            db.execute("PRAGMA temp_store = MEMORY")
            db.executescript(_FIRST_AS_NOW)
        if write:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection, path: Path) -> int:
    if db.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        raise FileError(f"{path}: no campaign of percast")
    return db.execute("PRAGMA user_version").fetchone()[0]


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """What SQLite says inside is a `FileError`, and so is a value that is no JSON."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise FileError(f"{path}: {error}") from error
    except json.JSONDecodeError as error:
        raise FileError(f"{path} is damaged: {error}") from error


def lock(path: Path) -> int:
    """Keep other processes from writing a store; descriptor for `unlock`.

    It is a file of its own: SQLite loses its locks when the store's is closed anywhere here.

    Raises:
        FileError: another has it, or the folder cannot be written.
    """
    beside = _lock_file(path)
    while True:
        try:
            file = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise FileError(f"cannot write to {path.parent}: {error.strerror}") from error
        try:
            lock_for_writing(file, path, "another process is at work on this campaign")
            if beside.exists() and os.path.samestat(os.fstat(file), beside.stat()):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # its owner has just put it away


def unlock(path: Path, file: int | None) -> None:
    """Let others write."""
    if file is not None:
        with contextlib.suppress(OSError):
            _lock_file(path).unlink()
        os.close(file)


def is_locked(path: Path) -> bool:
    """Whether a process has a store's lock."""
    try:
        file = os.open(_lock_file(path), os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False


def _lock_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")
