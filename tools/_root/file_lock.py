# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks on files that are written: one writer at a time, whatever names it has for the file."""

import fcntl
import logging
import os

from percast.errors import FileError

log = logging.getLogger(__name__)


def lock_for_writing(file: int, path: os.PathLike, busy: str) -> None:
    """Keep others from writing a file until it is closed; where a file system has no locks, warn.

    Args:
        file: descriptor.
        path: of the file, for messages.
        busy: what to say where another has it.

    Raises:
        FileError: another has it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise FileError(f"{path}: {busy}") from error
    except OSError as error:  # some network file systems have no locks
        log.warning("%s: cannot be locked (%s)", path, error.strerror)


def lock_for_reading(file: int) -> None:
    """Keep others from writing a file until it is closed, unless one does so already."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        log.info("not locked: %s", error.strerror)
