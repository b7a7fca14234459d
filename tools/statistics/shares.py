# SPDX-License-Identifier: GPL-3.0-or-later
"""Intervals of shares."""

import numpy as np
from scipy.stats import binomtest

from percast.tools.statistics.bootstrap import ClusterBootstrap, Floats, Interval, mean


def share(draws: ClusterBootstrap, hits: Floats, tries: Floats) -> Interval:
    """Share of hits, as of pictures that arrived.

    Where all are hits, or none is, every draw says the same and the bootstrap's interval would be
    a point. The interval is Clopper and Pearson's then ("The use of confidence or fiducial limits",
    Biometrika 26, 1934), over clusters: of a picture sent ten times only one is counted.

    Args:
        hits, tries: of each cluster, float64 [clusters]; a cluster without tries has 0 and 0.
    """
    value = float(mean(hits, tries))
    tried = int(np.count_nonzero(tries))
    if tried and value in (0.0, 1.0):
        exact = binomtest(tried if value else 0, tried).proportion_ci(draws.confidence, "exact")
        return Interval(value, float(exact.low), float(exact.high))
    return draws.interval(value, draws.means(hits, tries), tried)


def least_p_value(clusters: int) -> float:
    """Below which no change of a share can be called unlikely, where every draw says the same.

    However likely a picture is to arrive, that it does the first time and not the second has a
    probability of at most 1/4.
    """
    return 2 * 0.25**clusters
