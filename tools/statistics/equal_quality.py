# SPDX-License-Identifier: GPL-3.0-or-later
"""Bandwidth that one code takes of another's for equal quality, with intervals over pictures."""

from dataclasses import dataclass

import numpy as np

from percast.tools.statistics.bootstrap import ClusterBootstrap, Floats, Interval, mean
from percast.tools.statistics.rate_curves import Share, mean_log_ratio, rates_at_quality, told


@dataclass(frozen=True)
class Curve:
    """Quality over rate.

    Args:
        rates: rising, float64 [n].
        sums, counts: of the metric in each cluster, times -1 where less is better,
            float64 [n, clusters].
    """

    rates: Floats
    sums: Floats
    counts: Floats


@dataclass(frozen=True)
class EqualQuality:
    """What one curve says at the quality of a point of another.

    Attributes:
        rate: theirs.
        share: ours of theirs, or a bound.
        low, high: ends of the share's interval, as shares or bounds; None without one.
    """

    rate: float
    share: Share
    low: Share | None
    high: Share | None


def at_equal_quality(draws: ClusterBootstrap, ours: Curve, theirs: Curve) -> list[EqualQuality]:
    """At each of their rates: what share of it we take for the quality that they have there."""
    found = _log_rates(ours, mean(ours.sums, ours.counts), mean(theirs.sums, theirs.counts))
    drawn = _log_rates(
        ours, draws.means(ours.sums, ours.counts), draws.means(theirs.sums, theirs.counts)
    )
    results = []
    for index, rate in enumerate(theirs.rates):
        both = _clusters(ours) & (theirs.counts[index] > 0)
        span = draws.interval(found[index], drawn[:, index], int(both.sum()))
        share, low, high = (_told(ours, value, rate) for value in span)
        results.append(EqualQuality(float(rate), share, low, high))
    return results


def mean_share(draws: ClusterBootstrap, ours: Curve, theirs: Curve) -> Interval | None:
    """Share of their bandwidth that we take, mean of its logarithm over the quality that both reach
    (as Bjontegaard's delta rate, VCEG-M33, 2001, but monotone); None where they reach none, and no
    interval where it might be none for other pictures."""

    def ratio(our_quality: Floats, their_quality: Floats) -> Floats:
        return mean_log_ratio(np.log(ours.rates), our_quality, np.log(theirs.rates), their_quality)

    found = ratio(mean(ours.sums, ours.counts), mean(theirs.sums, theirs.counts))
    if np.isnan(found):
        return None
    drawn = ratio(draws.means(ours.sums, ours.counts), draws.means(theirs.sums, theirs.counts))
    clusters = int((_clusters(ours) & _clusters(theirs)).sum())
    if np.isnan(drawn).mean() > draws.tail(max(clusters, 2)):
        # So many draws have no quality in common that an end of the interval lies among them.
        return Interval(float(np.exp(found)), None, None)
    span = draws.interval(float(found), drawn, clusters)
    return Interval(*(None if value is None else float(np.exp(value)) for value in span))


def _log_rates(ours: Curve, our_quality: Floats, their_quality: Floats) -> Floats:
    return rates_at_quality(np.log(ours.rates), our_quality, their_quality)


def _told(ours: Curve, log_rate: float | None, rate: float) -> Share | None:
    return None if log_rate is None else told(log_rate, ours.rates, rate)


def _clusters(curve: Curve) -> np.ndarray:
    return (curve.counts > 0).any(0)
