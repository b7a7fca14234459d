# SPDX-License-Identifier: GPL-3.0-or-later
"""A run's whole state on disk, so that it survives kill -9.

The files are written beside and then renamed, and the last two are kept: whatever moment the
machine stops at, a whole one is there.
"""

import logging
import re
from pathlib import Path
from typing import Any

from percast.engines.training.records import weights
from percast.errors import ModelError, UsageError

log = logging.getLogger(__name__)

FORMAT = 2
KEPT = 2

_NAME = re.compile(r"checkpoint-(\d{9})\.pt")


def all_in(folder: Path) -> list[Path]:
    """The checkpoints of a run, the newest first."""
    return sorted((p for p in folder.glob("*.pt") if _NAME.fullmatch(p.name)), reverse=True)


def kept(folder: Path) -> str:
    """What a run that ends early leaves, for its last line."""
    paths = all_in(folder)
    return f"{paths[0]} is whole" if paths else "there is no checkpoint yet"


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Writes a checkpoint, and deletes all but the last two.

    Args:
        state: tensors and plain values.

    Raises:
        FileError: it cannot be written; those before it are still there.
    """
    path = folder / f"checkpoint-{step:09d}.pt"
    weights.write_atomically(path, {"format": FORMAT, "step": step, **state})
    for old in all_in(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def load_newest(folder: Path) -> dict[str, Any]:
    """The newest checkpoint that can be read.

    Raises:
        UsageError: there is none.
        ModelError: none of them can be read.
    """
    paths = all_in(folder)
    if not paths:
        raise UsageError(f"--resume: {folder} holds no checkpoint")
    for path in paths:
        try:
            state = weights.read(path)
        except ModelError as error:
            log.warning("%s: trying the one before", error)
            continue
        if state.get("format") != FORMAT:
            raise ModelError(f"{path} was written by another version of percast")
        return state
    raise ModelError(f"no checkpoint in {folder} can be read")
