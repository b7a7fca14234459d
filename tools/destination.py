# SPDX-License-Identifier: GPL-3.0-or-later
"""Where results go, tried before the work that takes long, and not after it."""

import tempfile
from pathlib import Path

from percast.errors import FileError


def ready_folder(folder: Path) -> None:
    """Makes a folder where there is none, and tries to write into it.

    Raises:
        FileError: it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _try(folder)
    except OSError as error:
        raise FileError(f"cannot write to {folder}: {error.strerror}") from error


def ready_file(path: Path) -> None:
    """Tries to write into a file's folder, which must be there.

    Raises:
        FileError: it cannot be written to, or the file is a folder.
    """
    if path.is_dir():
        raise FileError(f"cannot write {path}: it is a folder")
    try:
        _try(path.parent)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error


def _try(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass
