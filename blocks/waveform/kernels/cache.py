# SPDX-License-Identifier: GPL-3.0-or-later
"""Where compiled kernels are kept: percast's folder in the user's cache."""

import hashlib
import os
from pathlib import Path

from percast import home

_folder: Path | None = None


def settle(named: str) -> str:
    """Settles on a folder for these very kernels.

    Args:
        named: what NUMBA_CACHE_DIR says, or nothing.

    Returns:
        The folder, which is there now; empty where none can be written.
    """
    global _folder
    base = Path(named) if named else home.user_cache() / "kernels"
    path = base / f"percast-{_source_key()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        _folder = path if os.access(path, os.W_OK | os.X_OK) else None
    except OSError:
        _folder = None
    return str(_folder or "")


def _source_key() -> str:
    """Changes with every line of the kernels: numba looks at the file of a function, and not at
    those of the functions that it calls."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def in_use() -> bool:
    """Whether kernels are kept on disk."""
    return _folder is not None


def is_empty() -> bool:
    """Whether nothing was kept so far."""
    return _folder is None or not any(_folder.rglob("*.nbi"))


def why() -> str:
    """How often that has to be, for the log."""
    return ", this once" if in_use() else " at every start: no folder can be written to keep them"
