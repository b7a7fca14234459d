# SPDX-License-Identifier: GPL-3.0-or-later
"""Who preferred what, as arrays."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from percast.tools.study.analysis.rule import preferred
from percast.tools.study.answers import Answer
from percast.tools.study.plan import Study
from percast.tools.study.schedule import PAIR

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tally:
    """Answers to pairs. Catch trials and repeats are for the rule alone.

    Attributes:
        pairs: int64 [pairs, 2], conditions.
        observers, pictures: how many there are.
        observer, picture, pair: of each answer, counted from 0, int64 [n].
        won: 1 where the pair's first condition was chosen, 0 where its second, 0.5 for "equal",
            float64 [n].
    """

    pairs: Ints
    observers: int
    pictures: int
    observer: Ints
    picture: Ints
    pair: Ints
    won: Floats

    @property
    def conditions(self) -> int:
        """How many there are."""
        return int(self.pairs.max()) + 1

    def by(self, cluster: Ints, clusters: int) -> tuple[Floats, Floats]:
        """Wins of each pair's first condition and answers, in each cluster: [clusters, pairs]."""
        wins, counts = np.zeros((2, clusters, len(self.pairs)))
        np.add.at(wins, (cluster, self.pair), self.won)
        np.add.at(counts, (cluster, self.pair), 1.0)
        return wins, counts

    def totals(self) -> tuple[Floats, Floats]:
        """Wins and answers of each pair, float64 [pairs]."""
        wins, counts = self.by(np.zeros_like(self.pair), 1)
        return wins[0], counts[0]


def tally(study: Study, answers: Iterable[Answer], slots: Collection[int]) -> Tally:
    """The answers of those observers."""
    slots = sorted(slots)
    of_slot = {slot: number for number, slot in enumerate(slots)}
    of_pair = {frozenset(pair): number for number, pair in enumerate(study.pairs)}
    rows = []
    for answer in answers:
        trial = answer.trial
        if trial.kind != PAIR or answer.slot not in of_slot:
            continue
        pair = of_pair[frozenset((trial.left, trial.right))]
        choice = preferred(answer)
        won = 0.5 if choice is None else float(choice == study.pairs[pair][0])
        rows.append((of_slot[answer.slot], trial.picture, pair, won))
    table = np.array(rows, np.float64).reshape(-1, 4)
    observer, picture, pair = table[:, :3].astype(np.int64).T
    return Tally(
        np.array(study.pairs, np.int64), len(slots), len(study.pictures), observer, picture, pair,
        table[:, 3],
    )  # fmt: skip
