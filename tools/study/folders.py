# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of a study from folders: one of originals, one for each condition."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from percast.blocks.images.frames_log import FILE_NAME, read_frames
from percast.engines.pictures import BadPicture, Size, decode_picture, has_picture_suffix
from percast.errors import FileError, UsageError
from percast.tools.study.received import came_out, of_condition

Load = Callable[[], np.ndarray]
"""Gives uint8 [H, W, 3] when it is asked for."""


def pictures_in(
    folder: Path, size: Size | None = None, label: str | None = None
) -> dict[str, Load]:
    """The pictures of a folder by the name of the original, without its suffix.

    In a folder that a receiver wrote (`percast loopback --out`), `frames.jsonl` says which that
    is, which could be decoded, and of what codec and rate they are; in others it is the file's own
    name. Of several under one name the first is taken.

    Args:
        size: that they are fitted to.
        label: name of the condition that they are; None for originals.

    Raises:
        FileError: there are none, or they are not of one condition; see `of_condition`.
    """
    if not folder.is_dir():
        raise FileError(f"{folder}: there is no such folder")
    if (folder / FILE_NAME).exists():
        records = [record for record in read_frames(folder) if came_out(record)]
        if label is not None:
            records = of_condition(records, label, folder)
        files = [
            # Whoever wrote that file: pictures lie beside it.
            (Path(str(record["name"])).stem, folder / Path(str(record["file"])).name)
            for record in records
        ]
    else:
        files = [(path.stem, path) for path in sorted(folder.iterdir()) if has_picture_suffix(path)]
    found: dict[str, Load] = {}
    for name, path in files:
        found.setdefault(name, _loader(path, size))
    if not found:
        raise FileError(f"{folder}: there are no pictures, or none that could be decoded")
    return found


def _loader(path: Path, size: Size | None) -> Load:
    def load() -> np.ndarray:
        try:
            return decode_picture(path, size=size)
        except (BadPicture, OSError) as error:
            raise FileError(f"{path}: {error}") from error

    return load


def split_spec(text: str) -> tuple[str, Path]:
    """Name and folder of a condition: "percast@1/48=FOLDER", or a folder that is the name, too.

    Raises:
        UsageError: an empty name or folder.
    """
    name, equals, folder = text.partition("=")
    if not equals:
        name, folder = Path(text).name, text
    if not name.strip() or not folder.strip():
        raise UsageError(f"'{text}' is no condition: give NAME=FOLDER, such as percast@1/48=out")
    return name.strip(), Path(folder)


def in_all(
    originals: Mapping[str, Load], conditions: Mapping[str, Mapping[str, Load]]
) -> Sequence[str]:
    """Names of the pictures that every condition has.

    Raises:
        FileError: there are none, naming the condition that has none of the originals.
    """
    for name, pictures in conditions.items():
        if not originals.keys() & pictures.keys():
            raise FileError(
                f"{name} has none of the originals: files must have the originals' names, such as "
                f"'{next(iter(originals))}.png'"
            )
    names = [n for n in originals if all(n in pictures for pictures in conditions.values())]
    if not names:
        raise FileError("no picture is there in all conditions")
    return names
