# SPDX-License-Identifier: GPL-3.0-or-later
"""Means of every metric under every condition, and the share of pictures that arrived."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from percast.tools.campaign_report.analysis.conditions import Condition
from percast.tools.campaign_report.analysis.measured import Campaign, Measured
from percast.tools.campaign_report.analysis.origin import ranges
from percast.tools.statistics.bootstrap import ClusterBootstrap, Interval, mean
from percast.tools.statistics.shares import share


@dataclass(frozen=True)
class Figure:
    """A metric under a condition.

    Attributes:
        arrived: mean over the pictures that came out; None where none did.
        filled: with every lost picture counted as grey; None where that is not known.
        pictures: different ones in `arrived`.
        measured: how many that came out have the metric, with repeats.
    """

    arrived: Interval | None
    filled: Interval | None
    pictures: int
    measured: int


@dataclass(frozen=True)
class Point:
    """A condition.

    Attributes:
        condition: it.
        cells: of the store.
        number: of the condition, in the store.
        sent, arrived: pictures, with repeats.
        share: that arrived.
        pictures: different ones sent.
        snr_db_measured: mean; None where nothing was.
        cbr_sent: symbols over samples, of all pictures together.
        overhead: mean.
        reasons: why pictures did not come out -> how often.
        figures: of each metric.
    """

    condition: Condition
    cells: list[int]
    number: int
    sent: int
    arrived: int
    share: Interval
    pictures: int
    snr_db_measured: float | None
    cbr_sent: float | None
    overhead: float | None
    reasons: dict[str, int]
    figures: dict[str, Figure]

    def json(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            **self.condition.key(),
            "condition": self.number,
            "cells": ranges(self.cells),
            "pictures": self.pictures,
            "sent": self.sent,
            "arrived": self.arrived,
            "share_arrived": self.share._asdict(),
            "snr_db_measured": self.snr_db_measured,
            "cbr_sent": self.cbr_sent,
            "overhead": self.overhead,
            "lost_because": self.reasons,
            "metrics": {
                name: {
                    "arrived": figure.arrived and figure.arrived._asdict(),
                    "lost_as_grey": figure.filled and figure.filled._asdict(),
                    "pictures": figure.pictures,
                    "measured": figure.measured,
                }
                for name, figure in self.figures.items()
            },
        }


def points(campaign: Campaign, draws: ClusterBootstrap) -> list[Point]:
    """Of all conditions."""
    return [_point(c, m, campaign.metrics, draws) for c, m in campaign.conditions.items()]


def _point(
    condition: Condition, measured: Measured, metrics: list[str], draws: ClusterBootstrap
) -> Point:
    sizes = [(r["width"] * r["height"], r["cbr_sent"]) for r in measured.rows]
    known = [(pixels, cbr) for pixels, cbr in sizes if cbr is not None]
    total = sum(pixels for pixels, _ in known)
    return Point(
        condition=condition,
        cells=measured.cells,
        number=measured.number,
        sent=int(measured.sent.sum()),
        arrived=int(measured.arrived.sum()),
        share=share(draws, measured.arrived, measured.sent),
        pictures=int(np.count_nonzero(measured.sent)),
        snr_db_measured=measured.mean_of("snr_db_measured"),
        cbr_sent=sum(p * c for p, c in known) / total if total else None,
        overhead=measured.mean_of("overhead"),
        reasons=_reasons(measured),
        figures={name: _figure(measured, name, draws) for name in metrics},
    )


def _figure(measured: Measured, metric: str, draws: ClusterBootstrap) -> Figure:
    sums, counts = measured.sums[metric], measured.counts[metric]
    pictures = int(np.count_nonzero(counts))
    arrived = filled = None
    if pictures:
        arrived = draws.interval(float(mean(sums, counts)), draws.means(sums, counts), pictures)
    if metric in measured.filled:
        total, number = measured.filled[metric]
        known = int(np.count_nonzero(number))
        filled = draws.interval(float(mean(total, number)), draws.means(total, number), known)
    return Figure(arrived, filled, pictures, int(counts.sum()))


def _reasons(measured: Measured) -> dict[str, int]:
    """Why pictures did not come out."""
    why: Counter[str] = Counter()
    for row in measured.rows:
        if row["error"]:
            why[row["error"]] += 1
        elif not row["received"]:
            why["nothing was received"] += 1
        elif row["undecodable"]:
            why["too little arrived to decode"] += 1
    return dict(why.most_common())
