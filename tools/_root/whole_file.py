# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are there whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

PART = ".part"
"""Suffix of what is half-written; such a file is left only where a process was killed."""


@contextlib.contextmanager
def written_whole(
    path: Path, mode: str = "wb", *, settled: bool = False, **options: Any
) -> Iterator[IO]:
    """A file to write, which takes the place of `path` at the end of the block. Until then, and
    after whatever error, `path` is as it was, and nothing lies beside it.

    Args:
        path: of the file; its folder must be there.
        mode, options: as of `open`.
        settled: it is on the disk before it takes the place, which takes a while: where it is worth
            more than what it replaces, or must outlast a power cut.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    part = path.with_name(f".{path.name}{PART}")
    try:
        with part.open(mode, **options) as file:
            yield file
            if settled:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):  # where the folder is a file, not even that can be asked
            part.unlink(missing_ok=True)
        raise
