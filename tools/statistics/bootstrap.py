# SPDX-License-Identifier: GPL-3.0-or-later
"""Bootstrap clustered by picture.

What is measured of one picture, at several SNRs, by several codecs, several times, is not
independent: a picture with much grass is bad everywhere. So pictures are drawn, with replacement,
and each comes with all that was measured of it (Davison and Hinkley, "Bootstrap Methods and their
Application", 1997, section 3.8; Field and Welsh, "Bootstrapping clustered data", J. R. Statist.
Soc. B 69, 2007). All figures of a report are computed from the same draws: that pairs them, and
their differences and ratios have intervals as well.

The ends of an interval are percentiles of the draws. Of few clusters these lie too close together,
by about sqrt((n - 1) / n) and because the normal distribution is taken in place of Student's; the
percentiles are moved outward for both (Hesterberg, "What teachers should know about the bootstrap",
The American Statistician 69, 2015, section 4.1: the expanded percentile interval). Percentiles also
hold for what is infinite in some draws, as a bandwidth beyond the range that was measured.
"""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr, stdtrit

RESAMPLES = 2000
CONFIDENCE = 0.95
LEAST_CLUSTERS = 3
"""With fewer there is no interval."""

Floats = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """A value, and the ends of its interval; None where there are too few pictures for one."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ClusterBootstrap:
    """Draws of clusters.

    Args:
        clusters: how many there are.
        resamples: draws.
        seed: of the draws; the same seed and number of clusters give the same ones.
        confidence: of the intervals.
    """

    clusters: int
    resamples: int = RESAMPLES
    seed: int = 0
    confidence: float = CONFIDENCE

    @cached_property
    def weights(self) -> Floats:
        """How often each draw has each cluster: float64 [resamples, clusters]."""
        generator = np.random.default_rng(self.seed)
        even = np.full(self.clusters, 1 / self.clusters)
        return generator.multinomial(self.clusters, even, self.resamples).astype(np.float64)

    def means(self, sums: Floats, counts: Floats) -> Floats:
        """Means over all values of the clusters drawn.

        Args:
            sums, counts: of the values in each cluster, float64 [..., clusters]; a cluster without
                values has 0 and 0.

        Returns:
            float64 [resamples, ...]; NaN where a draw has no value.
        """
        drawn = np.tensordot(self.weights, sums, axes=(1, -1))
        number = np.tensordot(self.weights, counts, axes=(1, -1))
        return np.divide(drawn, number, out=np.full(drawn.shape, np.nan), where=number > 0)

    def interval(self, value: float, draws: Floats, clusters: int | None = None) -> Interval:
        """Of one figure.

        Args:
            value: of all clusters, each once.
            draws: float64 [resamples]; NaN where a draw does not have the figure.
            clusters: that have the figure at all; None for all of them.
        """
        n = self.clusters if clusters is None else clusters
        known = np.sort(draws[~np.isnan(draws)])
        if n < LEAST_CLUSTERS or not len(known):
            return Interval(value, None, None)
        tail = self.tail(n)
        low = known[floor(tail * (len(known) - 1))]
        high = known[ceil((1 - tail) * (len(known) - 1))]
        return Interval(value, float(low), float(high))

    def tail(self, n: int) -> float:
        """Share of the draws beyond each end of an interval over n clusters."""
        return float(ndtr(-sqrt(n / (n - 1)) * stdtrit(n - 1, (1 + self.confidence) / 2)))

    def p_value(self, draws: Floats, clusters: int | None = None) -> float:
        """Two-sided, that a figure is zero: as far as the draws reach, one less the confidence at
        which its interval, made as above, would just reach zero.

        Their number would bound it where none reaches zero, and of many figures none could be told
        from zero. There it is the tail of the normal distribution that has their mean and spread,
        where that is less; with Student's for the normal one, as above, that is his paired test
        ("The probable error of a mean", Biometrika 6, 1908). 0 where all draws are the same.
        """
        n = self.clusters if clusters is None else clusters
        known = draws[~np.isnan(draws)]
        if n < LEAST_CLUSTERS or not len(known):
            return 1.0
        beyond = min(np.mean(known <= 0), np.mean(known >= 0))
        normal = ndtri(max(beyond, 1 / (len(known) + 1)))
        if not beyond:
            with np.errstate(divide="ignore"):
                normal = min(normal, -abs(np.mean(known)) / np.std(known))
        return float(min(1.0, 2 * stdtr(n - 1, normal * sqrt((n - 1) / n))))


def mean(sums: Floats, counts: Floats) -> Floats:
    """Over all clusters, each once: float64 [..., clusters] -> [...]; NaN without values."""
    total, number = sums.sum(-1), counts.sum(-1)
    return np.divide(total, number, out=np.full(np.shape(total), np.nan), where=number > 0)
