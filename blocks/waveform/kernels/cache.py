# SPDX-License-Identifier: GPL-3.0-or-later
"""Where compiled kernels are kept: percast's folder in the user's cache."""

import hashlib
import os
import tempfile
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
    key = f"percast-{_source_key()}"
    base = Path(named) if named else home.user_cache() / "kernels"
    private = Path(tempfile.gettempdir()) / f"percast-kernels-{os.getuid()}"
    _folder = next(filter(_usable, (base / key, private / key)), None)
    return str(_folder or "")


def _usable(path: Path) -> bool:
    """Makes the folder. What is kept there is run: nobody else may have made it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        own = path.parent.stat().st_uid in (os.getuid(), 0) and path.stat().st_uid == os.getuid()
    except OSError:
        return False
    return own and os.access(path, os.W_OK | os.X_OK)


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
