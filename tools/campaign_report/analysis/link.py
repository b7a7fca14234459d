# SPDX-License-Identifier: GPL-3.0-or-later
"""Latency and health of the link, over the time of the campaign."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from percast.tools.campaign.tables.rows import delivered
from percast.tools.campaign_report.analysis.conditions import Air, Code
from percast.tools.campaign_report.analysis.measured import Campaign, Row
from percast.tools.campaign_report.analysis.origin import ranges

FIGURES = {
    "snr_off_db": "SNR measured less set, dB",
    "snr_db_measured": "SNR measured, dB",
    "evm_off_db": "EVM less its condition's mean, dB",
    "freq_offset_hz": "carrier offset, Hz",
    "clock_ppm": "clock offset, ppm",
    "erased_share": "symbols erased, share",
    "latency_ms": "latency, ms",
    "lost_share": "pictures lost, share",
}
"""What is followed over time -> its axis."""

BINS = 40
"""Parts of the campaign's time, where there are more shots than that."""


@dataclass(frozen=True)
class Span:
    """A stretch of time.

    Attributes:
        minutes: since the first picture was sent, of its middle.
        median, low, high: of the values in it; 5% and 95%.
        number: of values.
    """

    minutes: float
    median: float
    low: float
    high: float
    number: int


@dataclass(frozen=True)
class Health:
    """Figures of one code over one air.

    Attributes:
        code, air: whose.
        latency_ms: percentile -> value, of the pictures that came out; None without any.
        means: figure -> mean over what was received.
        cells: of the store.
    """

    code: Code
    air: Air
    latency_ms: dict[str, float] | None
    means: dict[str, float | None]
    cells: list[int]

    def json(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "code": self.code.name,
            "channel": str(self.air),
            "latency_ms": self.latency_ms,
            **self.means,
            "cells": ranges(self.cells),
        }


def health(campaign: Campaign) -> list[Health]:
    """Of each code over each air."""
    groups: dict[tuple[Code, Air], list[Row]] = {}
    for condition, measured in campaign.conditions.items():
        groups.setdefault((condition.code, condition.air), []).extend(measured.rows)
    return [_health(code, air, rows) for (code, air), rows in groups.items()]


def over_time(campaign: Campaign) -> dict[str, dict[Code, list[Span]]]:
    """Of each figure of `FIGURES` that was measured, for each code."""
    starts = [row["sent_at"] for row in campaign.rows if row["sent_at"] is not None]
    if not starts:
        return {}
    first, last = min(starts), max(starts)
    edges = np.linspace(first, last, min(BINS, len(set(starts))) + 1)
    codes = {row["cell"]: c.code for c, m in campaign.conditions.items() for row in m.rows}
    evm = {m.number: m.mean_of("evm_db") for m in campaign.conditions.values()}
    series: dict[str, dict[Code, list[Span]]] = {}
    for figure in FIGURES:
        values: dict[Code, list[tuple[float, float]]] = {}
        for row in campaign.rows:
            value = _value(row, figure)
            if figure == "evm_off_db" and row["evm_db"] is not None:
                value = row["evm_db"] - evm[row["condition"]]
            if value is not None and row["sent_at"] is not None:
                values.setdefault(codes[row["cell"]], []).append((row["sent_at"], value))
        if values:
            series[figure] = {code: _spans(some, edges, first) for code, some in values.items()}
    return series


def minutes(campaign: Campaign) -> float | None:
    """From the first picture sent to the last one; None where times are not known."""
    times = [row["sent_at"] for row in campaign.rows if row["sent_at"] is not None]
    return (max(times) - min(times)) / 60 if times else None


def _spans(values: list[tuple[float, float]], edges: np.ndarray, first: float) -> list[Span]:
    times, figures = np.array(values).T
    places = np.clip(np.searchsorted(edges, times, "right") - 1, 0, len(edges) - 2)
    spans = []
    for place in np.unique(places):
        inside = figures[places == place]
        low, median, high = np.percentile(inside, (5, 50, 95))
        if set(np.unique(inside)) <= {0.0, 1.0}:  # of a yes or no the share says more
            median = low = high = inside.mean()
        middle = (times[places == place].mean() - first) / 60
        spans.append(Span(float(middle), float(median), float(low), float(high), len(inside)))
    return spans


def _value(row: Row, figure: str) -> float | None:
    if figure == "lost_share":
        return float(not delivered(row))
    if not row["received"]:
        return None
    if figure == "snr_off_db":
        measured, wanted = row["snr_db_measured"], row["snr_db_set"]
        return None if measured is None or wanted is None else measured - wanted
    if figure == "snr_db_measured" and row["snr_db_set"] is not None:
        return None  # then the difference says more
    if figure == "erased_share":
        return (
            row["erased"] / row["symbols"] if row["symbols"] and row["erased"] is not None else None
        )
    if figure == "latency_ms":
        return None if row["latency_s"] is None else 1e3 * row["latency_s"]
    return row.get(figure)


def _health(code: Code, air: Air, rows: list[Row]) -> Health:
    latencies = [v for row in rows if (v := _value(row, "latency_ms")) is not None]
    percentiles = None
    if latencies:
        values = np.percentile(latencies, (5, 50, 99))
        percentiles = dict(zip(("p5", "p50", "p99"), map(float, values), strict=True))
    means = {}
    for figure in ("snr_off_db", "evm_db", "freq_offset_hz", "clock_ppm", "erased_share"):
        values = [v for row in rows if (v := _value(row, figure)) is not None]
        means[figure] = sum(values) / len(values) if values else None
    return Health(code, air, percentiles, means, [row["cell"] for row in rows])
