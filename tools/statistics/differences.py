# SPDX-License-Identifier: GPL-3.0-or-later
"""Paired differences, and how many of many may be chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control

from percast.tools.statistics.bootstrap import ClusterBootstrap, Floats, Interval, mean

FALSE_DISCOVERIES = 0.05
"""Of the differences that are called real, at most this share is expected not to be."""


@dataclass(frozen=True)
class Difference:
    """Of two means over the same clusters.

    Attributes:
        before, after: means.
        change: after - before, with its interval.
        clusters: that have both.
        p_value: of no change.
    """

    before: float
    after: float
    change: Interval
    clusters: int
    p_value: float


def difference(
    draws: ClusterBootstrap, before: tuple[Floats, Floats], after: tuple[Floats, Floats]
) -> Difference | None:
    """Paired by cluster: only clusters with values on both sides count. None where there is none.

    Args:
        before, after: sums and counts of each cluster, float64 [clusters].
    """
    both = (before[1] > 0) & (after[1] > 0)
    if not both.any():
        return None
    (sums0, counts0), (sums1, counts1) = ((s * both, c * both) for s, c in (before, after))
    first, second = float(mean(sums0, counts0)), float(mean(sums1, counts1))
    drawn = draws.means(sums1, counts1) - draws.means(sums0, counts0)
    clusters = int(both.sum())
    change = draws.interval(second - first, drawn, clusters)
    if np.array_equal(sums0 * counts1, sums1 * counts0):  # the very same figures
        return Difference(first, second, change, clusters, 1.0)
    return Difference(first, second, change, clusters, draws.p_value(drawn, clusters))


def discovered(p_values: Sequence[float], rate: float = FALSE_DISCOVERIES) -> list[bool]:
    """Which of many differences are real, so that few of those are expected to be chance.

    Benjamini and Hochberg, "Controlling the false discovery rate", J. R. Statist. Soc. B 57, 1995;
    proven for independent figures, and for some that depend on each other; that it holds for
    two-sided tests of correlated ones, as figures of the same pictures are, is known of normal ones
    only (Reiner-Benjamini, Biometrical Journal 49, 2007).
    """
    if not p_values:
        return []
    return [bool(p <= rate) for p in false_discovery_control(p_values, method="bh")]
