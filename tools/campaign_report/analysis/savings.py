# SPDX-License-Identifier: GPL-3.0-or-later
"""Bandwidth saved at equal value of a metric, over the same air at the same level."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from percast.tools.campaign_report.analysis.conditions import LEARNED, Air, Code, Condition, Level
from percast.tools.campaign_report.analysis.measured import Campaign, Measured
from percast.tools.campaign_report.analysis.origin import ranges
from percast.tools.statistics.bootstrap import ClusterBootstrap, Interval
from percast.tools.statistics.equal_quality import Curve, EqualQuality, at_equal_quality, mean_share
from percast.tools.statistics.rate_curves import HIGHER_IS_BETTER, Share


@dataclass(frozen=True)
class Saving:
    """Of one code against another, by one metric.

    Attributes:
        code, baseline: the two.
        air, level: the same for both.
        metric: at equal value of which.
        rates: for each of the baseline's rates, rising, the share of it that the code takes.
        mean: of that share over all qualities that both reach; None where there are none.
        left_out: points of either curve that say nothing, and why.
        pictures: that have the metric at all other points of both; only these count.
        cells: of both.
        numbers: of the conditions, in the store.
    """

    code: Code
    baseline: Code
    air: Air
    level: Level
    metric: str
    rates: dict[Fraction, EqualQuality]
    mean: Interval | None
    left_out: list[str]
    pictures: int
    cells: list[int]
    numbers: list[int]

    def json(self) -> dict[str, Any]:
        """As `--json` has it: shares of bandwidth that are taken; what is saved is the rest."""
        return {
            "code": self.code.name,
            "baseline": self.baseline.name,
            "channel": str(self.air),
            "level": str(self.level),
            "metric": self.metric,
            "share_taken": {
                str(rate): {
                    "value": _told(at.share),
                    "low": _told(at.low),
                    "high": _told(at.high),
                }
                for rate, at in self.rates.items()
            },
            "mean_share_taken": self.mean and self.mean._asdict(),
            "left_out": self.left_out,
            "pictures": self.pictures,
            "cells": ranges(self.cells),
        }


def _told(share: Share | None) -> dict[str, Any] | None:
    return None if share is None else {"ratio": share.ratio, "bound": share.bound or None}


def baselines(campaign: Campaign) -> list[Code]:
    """Codes to compare with: the digital ones, else the second code."""
    digital = [code for code in campaign.codes if code.codec != LEARNED]
    return digital or campaign.codes[1:2]


def savings(campaign: Campaign, draws: ClusterBootstrap, against: list[Code]) -> list[Saving]:
    """Of every code against every baseline, at every level of every air where the code was
    measured at two rates and the baseline at one."""
    curves: dict[tuple[Air, Level], dict[Code, dict[Condition, Measured]]] = {}
    for condition, measured in campaign.conditions.items():
        codes = curves.setdefault((condition.air, condition.level), {})
        codes.setdefault(condition.code, {})[condition] = measured
    found = []
    for (air, level), codes in sorted(curves.items(), key=lambda item: item[0]):
        for baseline in against:
            for code in codes:
                if baseline not in codes or code in against:
                    continue
                for metric in campaign.metrics:
                    if one := _saving(draws, metric, codes[code], codes[baseline]):
                        found.append(Saving(code, baseline, air, level, metric, *one))
    return found


def _saving(
    draws: ClusterBootstrap,
    metric: str,
    ours: dict[Condition, Measured],
    theirs: dict[Condition, Measured],
) -> tuple | None:
    left_out: list[str] = []
    (ours, our_curve), (theirs, their_curve) = (
        _curve(points, metric, left_out) for points in (ours, theirs)
    )
    if len(ours) < 2 or not theirs:  # one rate is no curve: it could give bounds alone
        return None
    common = (our_curve.counts > 0).all(0) & (their_curve.counts > 0).all(0)
    if not common.any():
        return None
    our_curve, their_curve = (_over(common, curve) for curve in (our_curve, their_curve))
    results = at_equal_quality(draws, our_curve, their_curve)
    rates = {c.cbr: at for c, at in zip(theirs, results, strict=True)}
    measured = (*ours.values(), *theirs.values())
    cells, numbers = [c for m in measured for c in m.cells], [m.number for m in measured]
    return (
        rates,
        mean_share(draws, our_curve, their_curve) if len(theirs) > 1 else None,
        left_out,
        int(common.sum()),
        cells,
        numbers,
    )


def _curve(
    points: dict[Condition, Measured], metric: str, left_out: list[str]
) -> tuple[dict[Condition, Measured], Curve]:
    """By rising rate; with lost pictures as grey ones, as far as that is known."""
    kept, rates, sums, counts = {}, [], [], []
    for condition, measured in sorted(points.items(), key=lambda item: item[0].cbr):
        where = f"{condition.code.name} at {condition.cbr}"
        if not measured.arrived.any():
            left_out.append(f"{where}: nothing arrived")
            continue
        if metric in measured.filled:
            total, number = measured.filled[metric]
        elif not measured.counts[metric].any():
            left_out.append(f"{where}: not measured")
            continue
        elif measured.all_arrived:
            total, number = measured.sums[metric], measured.counts[metric]
        else:
            left_out.append(f"{where}: pictures were lost, and what a grey one has is not known")
            continue
        kept[condition] = measured
        rates.append(float(condition.cbr))
        sums.append(total if metric in HIGHER_IS_BETTER else -total)
        counts.append(number)
    if not kept:
        return kept, Curve(np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0)))
    return kept, Curve(np.array(rates), np.stack(sums), np.stack(counts))


def _over(pictures: np.ndarray, curve: Curve) -> Curve:
    """As if only these had been measured: points of other pictures could not be compared."""
    return Curve(curve.rates, curve.sums * pictures, curve.counts * pictures)
