# SPDX-License-Identifier: GPL-3.0-or-later
"""Bootstrap over observers and pictures at once.

Answers of one observer are not independent, nor are answers about one picture; another study would
have other observers and other pictures. Observers are drawn with replacement, each with all
answers, and so are pictures, and so are single answers. The covariance of an estimate is then

    V = V_answers + (V_observers - V_answers)+ + (V_pictures - V_answers)+

by what both clusterings count twice (Cameron, Gelbach and Miller, "Robust inference with multiway
clustering", J. Business & Economic Statistics 29, 2011), where ()+ is the positive semidefinite
part, so that no interval gets narrower than independent answers would give. Multiplying the weights
of both clusterings instead (Owen, "The pigeonhole bootstrap", 2007) makes intervals up to sqrt(3)
times too wide where an observer sees a picture once. Student's distribution has as many degrees of
freedom as the smaller clustering has clusters with an answer, less one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from percast.tools.statistics.bootstrap import CONFIDENCE, LEAST_CLUSTERS, ClusterBootstrap
from percast.tools.study.analysis.config import RESAMPLES
from percast.tools.study.analysis.tally import Floats, Ints, Tally

Wins = tuple[Floats, Floats]
"""Wins of each pair's first condition and answers, float64 [resamples, pairs]."""

Estimate = Callable[[Floats, Floats], Floats]
"""Wins and answers of each pair, float64 [..., pairs] -> figures [..., k], finite."""


@dataclass(frozen=True)
class Estimated:
    """Figures with what is known of their errors.

    Attributes:
        value: float64 [k].
        covariance: float64 [k, k].
        alone: likewise, were all answers independent.
        of_observers, of_pictures: what drawing those alone gives.
        quantile: of Student's distribution for intervals; infinite for too few clusters.
    """

    value: Floats
    covariance: Floats
    alone: Floats
    of_observers: Floats
    of_pictures: Floats
    quantile: float

    @property
    def margin(self) -> Floats:
        """Half an interval, float64 [k]."""
        spread = np.sqrt(np.diag(self.covariance))
        with np.errstate(invalid="ignore"):  # of an error of zero and an infinite quantile
            return np.nan_to_num(self.quantile * spread, nan=np.inf, posinf=np.inf)


class Draws:
    """Draws from one tally, which all figures of a report share.

    Args:
        tally: what is drawn from.
        resamples, seed: of each of the three bootstraps.
    """

    def __init__(self, tally: Tally, resamples: int = RESAMPLES, seed: int = 0):
        self.tally = tally
        self._drawn = [
            self._clusters(tally.observer, tally.observers, resamples, seed),
            self._clusters(tally.picture, tally.pictures, resamples, seed + 1),
            self._answers(resamples, seed + 2),
        ]
        fewest = min(len(np.unique(tally.observer)), len(np.unique(tally.picture)))
        enough = fewest >= LEAST_CLUSTERS
        self.quantile = float(t.ppf((1 + CONFIDENCE) / 2, fewest - 1)) if enough else np.inf

    def _clusters(self, cluster: Ints, clusters: int, resamples: int, seed: int) -> Wins:
        weights = ClusterBootstrap(clusters, resamples, seed).weights
        wins, counts = self.tally.by(cluster, clusters)
        return weights @ wins, weights @ counts

    def _answers(self, resamples: int, seed: int) -> Wins:
        """Single answers: of each kind, which are a pair and what won, as many as are drawn."""
        answers, kinds = np.stack([self.tally.pair, self.tally.won], 1), len(self.tally.pairs)
        found, counts = np.unique(answers, axis=0, return_counts=True)
        draw = np.random.default_rng(seed)
        drawn = draw.multinomial(counts.sum(), counts / counts.sum(), resamples)
        of_pair = found[:, :1] == np.arange(kinds)
        return drawn @ (of_pair * found[:, 1:]), drawn @ of_pair.astype(float)

    def of(self, estimate: Estimate) -> Estimated:
        """An estimate and its errors."""
        value = estimate(*self.tally.totals())
        observers, pictures, alone = (
            np.atleast_2d(np.cov(estimate(*drawn), rowvar=False)) for drawn in self._drawn
        )
        both = alone + _positive(observers - alone) + _positive(pictures - alone)
        return Estimated(value, both, alone, observers, pictures, self.quantile)


def _positive(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values.clip(0)) @ vectors.T
