# SPDX-License-Identifier: GPL-3.0-or-later
"""Running out of memory ends in one line that says what helps."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from percast.engines.training.config import MIN_CROP, STRIDE, Config
from percast.engines.training.records import checkpoint
from percast.errors import ModelError

# On a CPU, and in NVIDIA's libraries, torch has no exception of its own for it.
_SIGNS = re.compile("out of memory|can't allocate memory|_ALLOC_FAILED")


@contextlib.contextmanager
def watched(what: str, remedy: str, folder: Path) -> Iterator[None]:
    """Around work that may need more memory than there is.

    Args:
        what: takes the memory.
        remedy: what to do about it.
        folder: of the run, whose last checkpoint is named.

    Raises:
        ModelError: memory ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        raise ModelError(
            f"out of memory with {what}; {checkpoint.kept(folder)}: {remedy}"
        ) from error


def ran_out(error: Exception) -> bool:
    """Whether an error means that."""
    return isinstance(error, MemoryError) or _SIGNS.search(str(error)) is not None


def smaller(config: Config) -> str:
    """A change after which a training step takes about half the memory."""
    if config.batch > 1:
        return f"--set batch={config.batch // 2}"
    crop = max(config.crop // 2 // STRIDE * STRIDE, MIN_CROP)
    return f"--set crop={crop}" if crop < config.crop else "it takes a machine with more"
