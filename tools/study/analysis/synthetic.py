# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers whose preferences are known: for planning, and to test the analysis with."""

from dataclasses import dataclass, replace

import numpy as np

from percast.tools.study.analysis.tally import Floats, Tally
from percast.tools.study.plan import Study
from percast.tools.study.schedule import PAIR, trials_of


@dataclass(frozen=True)
class Truth:
    """How people would choose.

    Attributes:
        scores: of the conditions, float64 [conditions].
        observer_spread, picture_spread: standard deviation of what each observer, and each picture,
            adds to each score of its own.
        equal: half of the difference of scores within which an observer says "equal"; 0 never.
    """

    scores: Floats
    observer_spread: float = 0.0
    picture_spread: float = 0.0
    equal: float = 0.0


@dataclass(frozen=True)
class Layout:
    """Which trials observers get: a tally without answers, made once for many simulations."""

    tally: Tally

    @classmethod
    def of(cls, study: Study, observers: int, pictures: int | None = None) -> "Layout":
        """As the study's schedule has them.

        Args:
            pictures: in place of as many as the study has.
        """
        if pictures is not None:
            study = replace(study, pictures=(study.pictures[0],) * pictures)
        of_pair = {frozenset(pair): number for number, pair in enumerate(study.pairs)}
        rows = [
            (slot, trial.picture, of_pair[frozenset((trial.left, trial.right))])
            for slot in range(observers)
            for trial in trials_of(study, slot)
            if trial.kind == PAIR
        ]
        observer, picture, pair = np.array(rows, np.int64).T
        pairs = np.array(study.pairs, np.int64)
        none = np.zeros(len(rows))
        return cls(Tally(pairs, observers, len(study.pictures), observer, picture, pair, none))


def simulate(layout: Layout, truth: Truth, draw: np.random.Generator) -> Tally:
    """Answers of new observers about new pictures."""
    asked = layout.tally
    size = len(truth.scores)
    of_observer = draw.normal(0, truth.observer_spread, (asked.observers, size))
    of_picture = draw.normal(0, truth.picture_spread, (asked.pictures, size))
    felt = truth.scores + of_observer[asked.observer] + of_picture[asked.picture]
    first, second = asked.pairs[asked.pair].T
    rows = np.arange(len(felt))
    difference = felt[rows, first] - felt[rows, second]
    noisy = difference + draw.logistic(0, 1, len(felt))
    won = np.where(np.abs(noisy) < truth.equal, 0.5, (noisy > 0).astype(float))
    return replace(asked, won=won)
