# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a store for other programs: CSV, and Parquet with types and with what was frozen."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from percast.errors import FileError, UsageError
from percast.tools.campaign.store import Store

Rows = Sequence[Mapping[str, Any]]

_WHOLE = frozenset(
    (
        "cell", "shot", "seq", "picture_number", "width", "height", "repeat", "condition",
        "decode", "symbols", "erased", "seed", "attempts",
    )
)  # fmt: skip
_TEXTS = frozenset(
    ("picture", "picture_sha256", "codec", "model", "cbr_asked", "channel", "worker", "error")
)
_SWITCHES = frozenset(("received", "undecodable"))


def write(path: Path, store: Store, rows: Rows) -> None:
    """Write rows to a file whose suffix is one of `WRITERS`.

    Raises:
        FileError: it cannot be written.
        UsageError: Parquet without pyarrow.
    """
    try:
        WRITERS[path.suffix.lower()](path, store, rows)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error


def write_pictures(folder: Path, store: Store, rows: Rows) -> int:
    """Write originals and received pictures as PNG; how many were received.

    Raises:
        FileError: it cannot be written.
    """
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for picture in store.pictures():
            name = f"sent-{picture['number']:04d}.png"
            (folder / name).write_bytes(store.reference(picture["sha256"]))
        for row in rows:
            image = store.picture(row["cell"], row["decode"])
            if image is not None:
                count += 1
                (folder / f"cell-{row['cell']:06d}-{row['decode']}.png").write_bytes(image)
    except OSError as error:
        raise FileError(f"cannot write to {folder}: {error.strerror}") from error
    return count


def _write_csv(path: Path, store: Store, rows: Rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, store.columns())
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {key: int(row[key]) for key in _SWITCHES})


def _write_parquet(path: Path, store: Store, rows: Rows) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(f"Parquet needs: pip install 'percast[campaign]' ({error})") from error
    kinds = {name: pyarrow.int64() for name in _WHOLE}
    kinds |= {name: pyarrow.string() for name in _TEXTS}
    kinds |= {name: pyarrow.bool_() for name in _SWITCHES}
    schema = pyarrow.schema(
        [(name, kinds.get(name, pyarrow.float64())) for name in store.columns()],
        metadata={"percast": json.dumps(store.frozen())},
    )
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows), schema), path)


WRITERS: Mapping[str, Callable[[Path, Store, Rows], None]] = MappingProxyType(
    {".csv": _write_csv, ".parquet": _write_parquet}
)
"""By suffix."""
