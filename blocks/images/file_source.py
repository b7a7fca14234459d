# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures from a folder, or from one file."""

import logging
import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from percast.blocks.images.base import PictureSource
from percast.blocks.images.picture import check_usable
from percast.engines.pictures import (
    SUFFIXES,
    BadPicture,
    Size,
    count_unread,
    decode_picture,
    has_picture_suffix,
)
from percast.errors import FileError

CACHE_BYTES = 256_000_000

log = logging.getLogger(__name__)

_Stamp = tuple[int, int]  # modification time in ns, bytes: a file that keeps both is unchanged


class FileSource(PictureSource):
    """The pictures of a folder (its own files, in natural order of names), or one picture file.

    The folder is listed once; files of kinds that are not read, such as HEIC, are named in one
    line and count as skipped, but for notes. A picture that cannot be used, or can no longer be, is
    skipped and logged once; a file that has changed is read again.
    """

    def __init__(
        self,
        path: Path,
        size: Size | None = None,
        frames: int | None = None,
        cache_bytes: int = CACHE_BYTES,
    ):
        """
        Args:
            path: A folder or a picture file.
            size: Fit each picture to this (W, H); None keeps their own sizes.
            frames: See `PictureSource`.
            cache_bytes: Decoded pictures that are kept, so that going round a folder is fast.

        Raises:
            FileError: `path` is missing, or holds no usable picture.
        """
        super().__init__(frames)
        self._path = path
        self._size = size
        self._files, self.skipped = _picture_files(path)
        self._cache = _Cache(cache_bytes)
        self._unusable: dict[Path, tuple[_Stamp, str]] = {}
        self._reported: set[Path] = set()
        next(self._round())  # a source without a usable picture fails now, not when on the air

    def _round(self) -> Iterator[tuple[np.ndarray, str]]:
        first_problem = None
        usable = 0
        for file in self._files:
            try:
                rgb = self._read(file)
            except BadPicture as problem:
                first_problem = first_problem or f"{file.name}: {problem}"
                self._report(file, problem)
            else:
                usable += 1
                yield rgb, file.name
        if not usable:
            raise FileError(
                f"{self._path}: none of its {len(self._files)} pictures can be used; "
                f"{first_problem}"
            )

    def _read(self, file: Path) -> np.ndarray:
        """The fitted picture, from the cache while the file is unchanged."""
        try:
            status = os.stat(file)
        except OSError as error:
            self._cache.forget(file)
            raise BadPicture(f"cannot be read ({error.strerror})") from error
        stamp = status.st_mtime_ns, status.st_size
        rgb = self._cache.get(file, stamp)
        if rgb is not None:
            return rgb
        known_stamp, reason = self._unusable.get(file, (None, ""))
        if known_stamp == stamp:
            raise BadPicture(reason)
        try:
            rgb = decode_picture(file, partial(check_usable, size=self._size), self._size)
        except BadPicture as problem:
            self._unusable[file] = stamp, str(problem)
            raise
        rgb.flags.writeable = False
        self._cache.put(file, stamp, rgb)
        return rgb

    def _report(self, file: Path, problem: BadPicture) -> None:
        if self._path == file:
            raise FileError(f"{file}: {problem}") from problem
        if file not in self._reported:
            self._reported.add(file)
            self.skipped += 1
            log.warning("%s skipped: %s", file, problem)


class _Cache:
    """Keeps what fits and never evicts: going round in order, evicting would lose every time."""

    def __init__(self, limit_bytes: int):
        self._left = limit_bytes
        self._pictures: dict[Path, tuple[_Stamp, np.ndarray]] = {}

    def get(self, file: Path, stamp: _Stamp) -> np.ndarray | None:
        kept_stamp, rgb = self._pictures.get(file, (None, None))
        if kept_stamp == stamp:
            return rgb
        self.forget(file)
        return None

    def put(self, file: Path, stamp: _Stamp, rgb: np.ndarray) -> None:
        if rgb.nbytes <= self._left:
            self._left -= rgb.nbytes
            self._pictures[file] = stamp, rgb

    def forget(self, file: Path) -> None:
        if file in self._pictures:
            _, rgb = self._pictures.pop(file)
            self._left += rgb.nbytes


def _picture_files(path: Path) -> tuple[list[Path], int]:
    """The files to read, in order, and how many pictures of other kinds lie beside them."""
    if os.path.isfile(path):
        return [path], 0
    if not os.path.isdir(path):
        raise FileError(f"{path}: no such picture file or folder; check --source")
    try:
        # A link to nothing is a picture that is missed, too.
        listed = [f for f in path.iterdir() if os.path.isfile(f) or not os.path.exists(f)]
    except OSError as error:
        raise FileError(f"{path}: cannot be listed ({error.strerror}); check --source") from error
    unread, kinds = count_unread(listed)
    files = [file for file in listed if has_picture_suffix(file)]
    if not files:
        suffixes = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
        but = f", only {kinds}, which are not read" if unread else ""
        raise FileError(f"{path}: holds no pictures ({suffixes}){but}; check --source")
    if unread:
        log.warning("%s: %d left out, of kinds that are not read: %s", path, unread, kinds)
    return sorted(files, key=_natural_order), unread


def _natural_order(file: Path) -> tuple:
    """Sorts 2.png before 10.png."""
    parts = re.split(r"([0-9]+)", file.name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], file.name
