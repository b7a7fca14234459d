# SPDX-License-Identifier: GPL-3.0-or-later
"""Training pictures: uint8 RGB of any sizes in one array, from a folder or from one file.

A pack is one file that is mapped into memory, so that training starts at once:

    8 bytes     "PERCPACK"
    pixels      RGB, uint8, picture after picture, each row by row
    index       .npy, int64 [pictures, 2] = (height, width)
    8 bytes     where the index starts, little-endian

The index comes last, so packing needs no more memory than a few pictures. No torch in here.
"""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from percast.engines.pictures import (
    SUFFIXES,
    BadPicture,
    count_unread,
    decode_picture,
    has_picture_suffix,
)
from percast.errors import FileError, UsageError
from percast.whole_file import written_whole

MAGIC = b"PERCPACK"
MIN_SIDE = 64
"""Pixels; smaller pictures are left out, as the codec takes none either."""

_AT_ONCE = 64  # pictures decoded before they are written
_NAMED = 3  # of the pictures left out


@dataclass(frozen=True)
class Pictures:
    """Pictures one after the other.

    Args:
        pixels: uint8 [all pixels, 3], in memory or mapped.
        sizes: int64 [pictures, 2], height and width of each.
    """

    pixels: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        areas = self.sizes.prod(1)
        object.__setattr__(self, "starts", np.concatenate([[0], np.cumsum(areas)]))

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Picture `index`, uint8 [H, W, 3], not copied."""
        start, end = self.starts[index], self.starts[index + 1]
        return self.pixels[start:end].reshape(*self.sizes[index], 3)

    def part(self, first: int, last: int) -> "Pictures":
        """Pictures first .. last - 1, not copied."""
        start, end = self.starts[first], self.starts[last]
        return Pictures(self.pixels[start:end], self.sizes[first:last])


def open_pictures(
    source: Path, min_side: int = MIN_SIDE, say: Callable[[str], None] = print
) -> Pictures:
    """The pictures of a folder or of a pack.

    Args:
        min_side: smaller pictures are left out.
        say: gets one line about those left out, if there are any.

    Raises:
        UsageError: no such folder or file, or no usable picture in it.
        FileError: the file is no pack, or is damaged.
    """
    if source.is_dir():
        reader = _FolderReader(source, min_side)
        parts = list(reader)
        pictures = Pictures(
            np.concatenate([part.reshape(-1, 3) for part in parts] or [np.empty((0, 3), np.uint8)]),
            np.array([part.shape[:2] for part in parts], np.int64).reshape(-1, 2),
        )
        line = reader.about
    elif source.is_file():
        pictures, left_out = _large_enough(_open_pack(source), min_side)
        line = _about(left_out)
    else:
        raise UsageError(f"{source} is neither a folder of pictures nor a pack")
    if line:
        say(line)
    if not len(pictures):
        raise UsageError(
            f"{source} holds no usable picture ({', '.join(SUFFIXES)}, "
            f"sides of {min_side} pixels or more)"
        )
    return pictures


def pack(
    folder: Path,
    file: Path,
    say: Callable[[str], None] = print,
    each: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Writes all pictures under a folder into one file, in the order of their names.

    Args:
        say: gets one line about pictures left out, if there are any.
        each: called with (files done, files) as it goes.

    Returns:
        How many pictures the file holds.

    Raises:
        UsageError: no such folder, no usable picture in it, or a folder in place of the file.
        FileError: the file cannot be written; a file of that name is then left as it was.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder")
    if not file.name or file.is_dir():
        raise UsageError(f"{file} is a folder: name a file for the pack")
    reader = _FolderReader(folder, MIN_SIDE, each)
    sizes = []
    try:
        with written_whole(file) as out:
            out.write(MAGIC)
            for picture in reader:
                sizes.append(picture.shape[:2])
                out.write(np.ascontiguousarray(picture).data)
            where = out.tell()
            np.save(out, np.array(sizes, np.int64).reshape(-1, 2))
            out.write(where.to_bytes(8, "little"))
            if reader.about:
                say(reader.about)
            if not sizes:
                raise UsageError(f"{folder} holds no usable picture ({', '.join(SUFFIXES)})")
    except OSError as error:
        raise FileError(f"cannot write {file}: {error.strerror}") from error
    return len(sizes)


class _FolderReader:
    """Iterates over the pictures under a folder, and knows then which it left out."""

    def __init__(
        self,
        folder: Path,
        min_side: int,
        each: Callable[[int, int], None] = lambda done, total: None,
    ):
        self.min_side, self.each = min_side, each
        self.left_out: list[tuple[str, str]] = []  # name and reason
        self._files = sorted(path for path in folder.rglob("*") if path.is_file())

    @property
    def about(self) -> str:
        """One line about what was left out, or nothing."""
        unread, kinds = count_unread(self._files)
        others = f"left out {unread} of kinds that are not read: {kinds}" if unread else ""
        return "; ".join(line for line in (_about(self.left_out), others) if line)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        paths = [path for path in self._files if has_picture_suffix(path)]
        with ThreadPoolExecutor() as pool:  # Pillow decodes without the interpreter's lock
            for first in range(0, len(paths), _AT_ONCE):
                batch = paths[first : first + _AT_ONCE]
                for path, picture in zip(batch, pool.map(_read, batch), strict=True):
                    if picture is None:
                        self.left_out.append((path.name, "unreadable"))
                    elif min(picture.shape[:2]) < self.min_side:
                        self.left_out.append((path.name, "too small"))
                    else:
                        yield picture
                self.each(min(first + _AT_ONCE, len(paths)), len(paths))


def _read(path: Path) -> npt.NDArray[np.uint8] | None:
    """uint8 [H, W, 3], or None: a damaged file among thousands must not stop the rest."""
    try:
        return decode_picture(path)
    except BadPicture:
        return None


def _open_pack(file: Path) -> Pictures:
    damaged = f"{file} is no pack of pictures, or is damaged: make one with `percast train pack`"
    try:
        with file.open("rb") as source:
            magic = source.read(len(MAGIC))
            end = source.seek(-8, io.SEEK_END)
            where = int.from_bytes(source.read(8), "little")
            if magic != MAGIC or not len(MAGIC) <= where < end:
                raise FileError(damaged)
            source.seek(where)
            sizes = np.load(source, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FileError(damaged) from error
    count = int(sizes.prod(1).sum())
    if len(MAGIC) + 3 * count != where:
        raise FileError(damaged)
    if not count:
        return Pictures(np.empty((0, 3), np.uint8), sizes)
    return Pictures(np.memmap(file, np.uint8, "r", len(MAGIC), (count, 3)), sizes)


def _large_enough(pictures: Pictures, min_side: int) -> tuple[Pictures, list[tuple[str, str]]]:
    fits = pictures.sizes.min(1, initial=1 << 30) >= min_side
    if fits.all():
        return pictures, []
    left_out = [(f"number {index}", "too small") for index in np.flatnonzero(~fits)]
    kept = [pictures[index].reshape(-1, 3) for index in np.flatnonzero(fits)]
    pixels = np.concatenate(kept or [np.empty((0, 3), np.uint8)])
    return Pictures(pixels, pictures.sizes[fits]), left_out


def _about(left_out: list[tuple[str, str]]) -> str:
    """One line, or nothing."""
    if not left_out:
        return ""
    names = ", ".join(f"{name} ({reason})" for name, reason in left_out[:_NAMED])
    more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
    return f"left out {len(left_out)} pictures: {names}{more}"
