# SPDX-License-Identifier: GPL-3.0-or-later
"""A campaign's rows as sums and counts of each picture: all that bootstrap and means need."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from percast.errors import FileError
from percast.tools.campaign.store import Store
from percast.tools.campaign.tables.rows import delivered, worker_died
from percast.tools.campaign_report.analysis.conditions import Air, Code, Condition, Level, sort_rows
from percast.tools.statistics.bootstrap import Floats

METRICS = ("lpips", "lpips_vgg", "dists", "ms_ssim", "psnr_db")
"""In the order in which they are shown."""

Row = Mapping[str, Any]


@dataclass
class Measured:
    """What was measured under one condition, float64 [pictures] each.

    Attributes:
        rows: of the store.
        sent, arrived: pictures sent, and those that came out.
        sums, counts: of each metric over those that came out.
        filled: the same of each metric with lost ones counted as grey pictures; a metric is missing
            where that is not known.
    """

    rows: list[Row]
    sent: Floats
    arrived: Floats
    sums: dict[str, Floats]
    counts: dict[str, Floats]
    filled: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)

    @property
    def cells(self) -> list[int]:
        return [row["cell"] for row in self.rows]

    @property
    def number(self) -> int:
        """Of the condition, in the store."""
        return self.rows[0]["condition"]

    @property
    def all_arrived(self) -> bool:
        return bool((self.sent == self.arrived).all())

    def mean_of(self, column: str) -> float | None:
        """Over rows that have it."""
        values = [row[column] for row in self.rows if row[column] is not None]
        return sum(values) / len(values) if values else None


@dataclass
class Campaign:
    """A store, read.

    Attributes:
        path: of the store.
        frozen: what was written down when it began.
        decode: which decoding of the symbols; 0 is the run's own.
        passed: what was written down of that decoding; empty for the run's.
        pictures: SHA-256 of each that it has -> its name, in order.
        conditions: condition -> what was measured.
        counts: cells that there are, that this decoding has, and shots of the run.
        rows: all of them, in time.
    """

    path: str
    frozen: Mapping[str, Any]
    decode: int
    passed: Mapping[str, Any]
    pictures: dict[str, str]
    conditions: dict[Condition, Measured]
    counts: Mapping[str, int]
    rows: list[Row]

    @property
    def metrics(self) -> list[str]:
        """Those that any picture has."""
        return [m for m in METRICS if any(r[m] is not None for r in self.rows)]

    @property
    def same_pictures(self) -> bool:
        """Whether every condition has the same ones."""
        first, *others = (m.sent > 0 for m in self.conditions.values())
        return all(np.array_equal(first, other) for other in others)

    @property
    def pictures_each(self) -> tuple[int, int]:
        """Least and most of a condition."""
        each = [int(np.count_nonzero(m.sent)) for m in self.conditions.values()]
        return min(each), max(each)

    @property
    def codes(self) -> list[Code]:
        return list(dict.fromkeys(c.code for c in self.conditions))

    @property
    def airs(self) -> list[Air]:
        return sorted(
            {c.air for c in self.conditions}, key=lambda air: (air.channel != "awgn", air)
        )

    def levels(self, air: Air) -> list[Level]:
        return sorted({c.level for c in self.conditions if c.air == air})


def load(store: Store, decode: int = 0) -> Campaign:
    """Reads a store.

    Args:
        decode: 0 for what the run decoded, else a later decoding.

    Raises:
        FileError: nothing is done in it yet, or it has no such decoding.
    """
    every = [row for row in store.rows() if not worker_died(row)]
    rows = sorted((r for r in every if r["decode"] == decode), key=lambda r: (r["seq"], r["cell"]))
    if not rows:
        passes = sorted({row["decode"] for row in every})
        reason = f"has no decoding {decode}, only {passes}" if passes else "has no cell done yet"
        raise FileError(f"{store.path} {reason}")
    shown = {row["picture_sha256"] for row in rows}
    pictures = {p["sha256"]: p["name"] for p in store.pictures() if p["sha256"] in shown}
    places = {sha: place for place, sha in enumerate(pictures)}
    sorted_ = sort_rows(rows, store.conditions())
    return Campaign(
        path=str(store.path),
        frozen=store.frozen(),
        decode=decode,
        passed=next(p["settings"] for p in store.passes() if p["decode"] == decode),
        pictures=pictures,
        conditions={condition: _measured(some, places) for condition, some in sorted_.items()},
        counts=store.counts() | {"cells_done": len(rows)},
        rows=rows,
    )


def _measured(rows: Sequence[Row], places: Mapping[str, int]) -> Measured:
    where = np.array([places[row["picture_sha256"]] for row in rows])
    came = np.array([delivered(row) for row in rows])

    def per_picture(values: Sequence[float]) -> Floats:
        return np.bincount(where, values, len(places))

    sums, counts = {}, {}
    for metric in METRICS:
        values = [row[metric] if here else None for row, here in zip(rows, came, strict=True)]
        known = np.array([v is not None and math.isfinite(v) for v in values])
        plain = [v if k else 0.0 for v, k in zip(values, known, strict=True)]
        sums[metric], counts[metric] = per_picture(plain), per_picture(known.astype(float))
    return Measured(
        list(rows), per_picture(np.ones(len(rows))), per_picture(came.astype(float)), sums, counts
    )
