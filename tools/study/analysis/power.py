# SPDX-License-Identifier: GPL-3.0-or-later
"""How many observers and pictures a wanted interval needs, by simulating such studies.

Scores are those that the answers so far gave (of a pilot, or of `percast study simulate`), and so
is how much observers and pictures differ. Each size is simulated some times; what counts is the
median of the interval's width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from percast.tools.study.analysis import equality, scores
from percast.tools.study.analysis.draws import Draws, Estimated
from percast.tools.study.analysis.results import Results
from percast.tools.study.analysis.synthetic import Layout, Truth, simulate
from percast.tools.study.analysis.tally import Tally
from percast.tools.study.plan import Study
from percast.tools.study.ratios import code_pairs

OBSERVERS, PICTURES = (10, 20, 40, 80), (6, 12, 24, 48)
_RUNS, _RESAMPLES = 20, 200


@dataclass(frozen=True)
class Size:
    """What a study of a size would find.

    Attributes:
        observers, pictures: of it.
        width: of the interval, median: percentage points of bandwidth where two codes are compared,
            else of the shares of preference; None where the interval has an open end.
        bounded: share of the simulations whose interval has two ends.
    """

    observers: int
    pictures: int
    width: float | None
    bounded: float


def truth_of(results: Results) -> Truth:
    """What the answers say of scores, and of how much observers and pictures differ."""
    found = results.scores
    return Truth(
        found.value,
        _spread(found, found.of_observers, results.tally.observers),
        _spread(found, found.of_pictures, results.tally.pictures),
    )


def _spread(found: Estimated, clustered: np.ndarray, clusters: int) -> float:
    """Standard deviation of what a cluster adds, of what its draws add to the variance."""
    excess = np.diag(clustered) - np.diag(found.alone)
    return float(np.sqrt(max(0.0, excess.mean() * clusters)))


def plan(
    study: Study,
    truth: Truth,
    observers: Sequence[int] = OBSERVERS,
    pictures: Sequence[int] = PICTURES,
    runs: int = _RUNS,
    on_progress: Callable[[float], None] = lambda done: None,
) -> list[Size]:
    """Simulates every size."""
    found = []
    for number, (people, shown) in enumerate((o, p) for o in observers for p in pictures):
        layout = Layout.of(study, people, shown)
        draw = np.random.default_rng(number)
        widths = np.array([_width(study, simulate(layout, truth, draw)) for _ in range(runs)])
        known = np.isfinite(widths)
        median = float(np.median(np.where(known, widths, np.inf)))
        found.append(Size(people, shown, median if np.isfinite(median) else None, known.mean()))
        on_progress((number + 1) / (len(observers) * len(pictures)))
    return found


def _width(study: Study, tally: Tally) -> float:
    draws = Draws(tally, _RESAMPLES)
    for ours, theirs in code_pairs(study):
        if (first := equality.find(draws, study.conditions, ours, theirs)) is not None:
            return np.inf if first.low is None or first.high is None else first.high - first.low
    return float(np.mean([high - low for _, low, high, _ in scores.shares(draws)]))


def enough(sizes: Sequence[Size], width: float) -> Size | None:
    """The size with the fewest answers whose interval is at most that wide; None if none is."""
    fit = [size for size in sizes if size.width is not None and size.width <= width]
    return min(fit, key=lambda size: (size.observers, size.pictures)) if fit else None
