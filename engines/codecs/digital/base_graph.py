# SPDX-License-Identifier: GPL-3.0-or-later
"""The base graphs of 5G's LDPC code and how they are lifted (3GPP TS 38.212, section 5.3.2)."""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

LIFTING_SIZES = (
    (2, 4, 8, 16, 32, 64, 128, 256),
    (3, 6, 12, 24, 48, 96, 192, 384),
    (5, 10, 20, 40, 80, 160, 320),
    (7, 14, 28, 56, 112, 224),
    (9, 18, 36, 72, 144, 288),
    (11, 22, 44, 88, 176, 352),
    (13, 26, 52, 104, 208),
    (15, 30, 60, 120, 240),
)
"""Table 5.3.2-1, set by set."""

SYSTEMATIC = {1: 22, 2: 10}
"""Columns of each base graph that hold information bits."""

COLUMNS = {1: 68, 2: 52}
CORE_ROWS = 4
"""Rows whose parity bits depend on each other; every other row has one parity bit of its own."""


@dataclass(frozen=True)
class Row:
    """A row of the lifted parity check matrix, Z checks at once.

    Attributes:
        bits: int64 [degree, Z]; check z is the sum of the code bits bits[:, z].
        columns: int64 [degree], of the base graph.
    """

    bits: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]


@dataclass(frozen=True)
class LiftedGraph:
    """A base graph lifted by Z: the code's parity check matrix.

    Attributes:
        number: 1 or 2.
        lifting: Z.
        rows: from the top; the core comes first.
        first_shift: of the one circulant that remains of the first parity column when the rows
            of the core are added up.
    """

    number: int
    lifting: int
    rows: tuple[Row, ...]
    first_shift: int

    @property
    def systematic(self) -> int:
        """Information bits, fillers included."""
        return SYSTEMATIC[self.number] * self.lifting

    @property
    def bits(self) -> int:
        """Code bits, with the 2 Z that are never sent."""
        return COLUMNS[self.number] * self.lifting


@lru_cache(maxsize=8)  # 1.5 MB each at most
def lifted_graph(number: int, lifting: int) -> LiftedGraph:
    """Base graph 1 or 2, lifted by one of `LIFTING_SIZES`."""
    (set_index,) = (i for i, sizes in enumerate(LIFTING_SIZES) if lifting in sizes)
    entries = _entries(number)
    shifts = entries[:, 2 + set_index] % lifting
    rows = []
    for row in range(entries[-1, 0] + 1):
        mine = entries[:, 0] == row
        columns = entries[mine, 1]
        turned = (np.arange(lifting) + shifts[mine, None]) % lifting
        rows.append(Row(columns[:, None] * lifting + turned, columns))
    first_parity = (entries[:, 0] < CORE_ROWS) & (entries[:, 1] == SYSTEMATIC[number])
    a, b, c = shifts[first_parity]  # two of the three are the same and cancel
    return LiftedGraph(number, lifting, tuple(rows), int({a: b, b: a}[c] if a != b else c))


@lru_cache(maxsize=2)
def _entries(number: int) -> npt.NDArray[np.int64]:
    """Row, column and the shift for each set of lifting sizes, int64 [entries, 10]."""
    table = files("percast.engines.codecs.digital").joinpath(f"tables/base_graph_{number}.csv")
    lines = (line for line in table.read_text("utf-8").splitlines() if not line.startswith("#"))
    next(lines)
    return np.array([line.split(",") for line in lines], np.int64)
