# SPDX-License-Identifier: GPL-3.0-or-later
"""Scores of conditions by Bradley and Terry ("Rank analysis of incomplete block designs",
Biometrika 39, 1952), and shares of preference.

Condition i is preferred to j with probability 1 / (1 + exp(s_j - s_i)); scores have mean zero.
"Equal" counts as half an answer for either side. Every pair of the plan gets `SMOOTHING` of an
answer on either side, so that a condition that always won has a finite score, and one that nobody
was asked about yet has any; where answers are few, scores lie closer together for that.

The scores themselves are by `choix` (iterative Luce spectral ranking, Maystre and Grossglauser,
NeurIPS 2015); for the thousands of draws, Newton's method finds the same maximum for all at once.
"""

from collections.abc import Iterable

import numpy as np
from scipy.special import expit

from percast.errors import UsageError
from percast.tools.study.analysis.draws import Draws, Estimated
from percast.tools.study.analysis.tally import Floats, Ints

SMOOTHING = 0.1
JOD = float(np.log(3.0))
"""Difference of scores where 75% prefer the better one: a just objectionable difference."""

_STEPS, _LONGEST, _CLOSE = 60, 2.0, 1e-9


def score(draws: Draws) -> Estimated:
    """Scores of the conditions and their errors, float64 [conditions]."""
    pairs, conditions = draws.tally.pairs, draws.tally.conditions

    def estimate(wins: Floats, counts: Floats) -> Floats:
        table = won_matrix(pairs, conditions, wins, counts)
        return by_choix(table) if table.ndim == 2 else by_newton(table)

    return draws.of(estimate)


def won_matrix(pairs: Ints, conditions: int, wins: Floats, counts: Floats) -> Floats:
    """How often the row's condition was preferred to the column's, smoothed.

    Args:
        wins, counts: of each pair's first condition, float64 [..., pairs].

    Returns:
        float64 [..., conditions, conditions].
    """
    table = np.zeros((*wins.shape[:-1], conditions, conditions))
    first, second = pairs.T
    table[..., first, second] = wins + SMOOTHING
    table[..., second, first] = counts - wins + SMOOTHING
    return table


def margin_text(margin: float) -> str:
    """Half an interval, in words."""
    return f"± {margin:.2f}" if np.isfinite(margin) else "no interval"


def by_choix(table: Floats) -> Floats:
    """Scores of one matrix, [n, n] -> [n].

    Raises:
        UsageError: choix is missing.
    """
    try:
        import choix
    except ImportError as error:
        raise UsageError(f"study needs: pip install 'percast[study]' ({error})") from error
    found = choix.ilsr_pairwise_dense(table, max_iter=2000)
    return found - found.mean()


def by_newton(tables: Floats) -> Floats:
    """Scores of many matrices, [..., n, n] -> [..., n]."""
    asked = tables + np.swapaxes(tables, -1, -2)
    size = tables.shape[-1]
    scores = np.zeros(tables.shape[:-1])
    for _ in range(_STEPS):
        chance = expit(scores[..., :, None] - scores[..., None, :])
        slope = (tables - asked * chance).sum(-1)
        weight = asked * chance * (1 - chance)
        # The Laplacian of the graph of pairs; 1 / n in every place fixes the mean.
        bend = 1 / size - weight
        bend[..., range(size), range(size)] += weight.sum(-1)
        step = np.linalg.solve(bend, slope[..., None])[..., 0]
        longest = np.abs(step).max(-1, keepdims=True)
        scores += step * np.minimum(1, _LONGEST / np.maximum(longest, _LONGEST))
        if longest.max() < _CLOSE:
            break
    return scores - scores.mean(-1, keepdims=True)


def shares(draws: Draws) -> Iterable[tuple[float, float, float, float]]:
    """Of each pair: share that prefer its first condition, ends of its interval, and answers.

    Wilson's interval (J. American Statistical Association 22, 1927) for as many independent answers
    as the clustered ones are worth.
    """
    wins, counts = draws.tally.totals()
    found = draws.of(lambda wins, counts: (wins + 0.5) / (counts + 1))
    alone = np.diag(found.alone)
    known = alone > 0
    worth = np.ones_like(alone)
    worth[known] = np.diag(found.covariance)[known] / alone[known]
    for won, count, factor in zip(wins, counts, worth, strict=True):
        if not count or not np.isfinite(found.quantile):
            yield (won / count if count else np.nan), 0.0, 1.0, count
            continue
        z, n, p = found.quantile, count / factor, won / count
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        yield p, max(0.0, middle - half), min(1.0, middle + half), count
