# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that several processes share: written wholly or not at all, under a lock that ends with its
holder."""

import contextlib
import fcntl
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from percast.errors import FileError
from percast.whole_file import written_whole

log = logging.getLogger(__name__)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty if it cannot be read."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write(path: Path, data: bytes) -> None:
    """Replaces a file, whose lock the caller holds, wholly or not at all.

    Raises:
        FileError: the folder cannot be written, or the disk is full.
    """
    try:
        with written_whole(path, settled=True) as file:
            file.write(data)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error


@contextlib.contextmanager
def locked(path: Path, waiting: str) -> Iterator[str]:
    """Holds a lock; gives why it could not be had, or nothing.

    Args:
        path: of its file; the folder is made if need be.
        waiting: logged where another process holds it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        yield f"cannot write {path.parent}: {error.strerror}"
        return
    with file:  # closing it, in whatever way the process ends, frees the lock
        try:
            _lock(file, waiting)
        except OSError as error:  # some network file systems have no locks
            yield f"cannot lock {path}: {error.strerror}"
            return
        yield ""


def _lock(file: IO, waiting: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.warning(waiting)
        fcntl.flock(file, fcntl.LOCK_EX)
