# SPDX-License-Identifier: GPL-3.0-or-later
"""All figures of a study, from a set of its observers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction

from percast.errors import LinkError
from percast.tools.study.analysis import equality, scores
from percast.tools.study.analysis.config import RESAMPLES
from percast.tools.study.analysis.draws import Draws, Estimated
from percast.tools.study.analysis.equality import Equality
from percast.tools.study.analysis.tally import Floats, Tally, tally
from percast.tools.study.answers import Answer
from percast.tools.study.plan import Study
from percast.tools.study.ratios import code_pairs


@dataclass(frozen=True)
class Preference:
    """A pair.

    Attributes:
        first, second: conditions.
        share: that prefer the first, with its interval.
        answers: how many.
    """

    first: int
    second: int
    share: float
    low: float
    high: float
    answers: int


@dataclass(frozen=True)
class Results:
    """Figures.

    Attributes:
        tally: what they are made of.
        scores: of the conditions, in logits; see `in_jod`.
        preferences: of each pair.
        equal: for each two codes with rates, over all rates.
        equal_at: likewise at each rate of the second.
    """

    tally: Tally
    scores: Estimated
    preferences: Sequence[Preference]
    equal: Sequence[Equality]
    equal_at: Sequence[Equality]

    @property
    def in_jod(self) -> tuple[Floats, Floats]:
        """Scores of the conditions and half their intervals, in the unit that people are shown: of
        two that differ by 1, 75% prefer the better one. Each float64 [conditions]."""
        return self.scores.value / scores.JOD, self.scores.margin / scores.JOD


def compute(
    study: Study, answers: Sequence[Answer], slots: Collection[int], resamples: int = RESAMPLES
) -> Results:
    """The figures of those observers.

    Raises:
        LinkError: none of them has answered anything.
    """
    counted = tally(study, answers, slots)
    if not len(counted.pair):
        raise LinkError("no answers about pairs are left to analyse")
    return of_tally(study, counted, resamples)


def of_tally(study: Study, counted: Tally, resamples: int = RESAMPLES, seed: int = 0) -> Results:
    """The figures of a tally."""
    draws = Draws(counted, resamples, seed)
    found = [
        Preference(int(first), int(second), share, low, high, int(answers))
        for (first, second), (share, low, high, answers) in zip(
            counted.pairs, scores.shares(draws), strict=True
        )
    ]
    over_all, at_each = [], []
    for ours, theirs in code_pairs(study):
        overall = equality.find(draws, study.conditions, ours, theirs)
        if overall is None:
            continue
        over_all.append(overall)
        rates = {c.rate for c in study.conditions if c.code == theirs and c.rate}
        each = (
            equality.find(draws, study.conditions, ours, theirs, rate)
            for rate in sorted(rates, key=Fraction)
        )
        at_each += [one for one in each if one is not None]
    return Results(counted, scores.score(draws), found, over_all, at_each)
