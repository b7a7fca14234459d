# SPDX-License-Identifier: GPL-3.0-or-later
"""The bandwidth at which two codes are equally good.

Where one code has r times the bandwidth of the other, it is preferred with probability
1 / (1 + exp(-(a + b log r))): the codes are equal at r = exp(-a / b). Its interval holds every r at
which a + b log r may be zero (E. C. Fieller, "Some problems in interval estimation", J. R. Statist.
Soc. B 16, 1954), also where the slope is hardly known. Nothing is extrapolated: what lies beyond
the ratios that were compared is a bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from percast.tools.study.analysis.draws import Draws, Estimated
from percast.tools.study.analysis.tally import Floats
from percast.tools.study.plan import Condition

_PRIOR = 1e-2  # of the squares of a and b: keeps them finite where all prefer one
_STEPS, _LONGEST, _CLOSE = 60, 3.0, 1e-9


@dataclass(frozen=True)
class Equality:
    """At which ratio of bandwidths two codes are equal.

    Attributes:
        ours, theirs: the codes.
        rate: theirs, for one rate; None over all.
        ratio: ours divided by theirs; None where none of those compared is it.
        bound: "" for a ratio that was found, "less than" where ours is better at the smallest ratio
            already, "more than" where it is worse at the largest, "unknown" where more bandwidth
            did not make it better.
        low, high: ends of the interval; None where it goes beyond what was compared on that side.
        least, most: ratios that were compared.
        fit: a and b.
        points: log ratio, share that prefer ours, answers; of each ratio, float64 [ratios, 3].
    """

    ours: str
    theirs: str
    rate: str | None
    ratio: float | None
    bound: str
    low: float | None
    high: float | None
    least: float
    most: float
    fit: Estimated
    points: Floats

    def __str__(self) -> str:
        return f"{self.brief} ({self.remark})" if self.remark else self.brief

    @property
    def brief(self) -> str:
        """The ratio, or its bound; `remark` says why it is one."""
        if self.bound == "unknown":
            return self.bound
        if self.bound:
            return f"{self.bound} {self.least if self.bound == 'less than' else self.most:.0%}"
        return f"{self.ratio:.0%}"

    @property
    def remark(self) -> str:
        """Why there is no number; empty where there is one."""
        if self.bound == "unknown":
            return "more bandwidth did not make it better"
        return "beyond the measured range" if self.bound else ""

    @property
    def interval(self) -> str:
        """In words."""
        if not np.isfinite(self.fit.quantile):
            return "no interval of so few observers or pictures"
        below, above = f"less than {self.least:.0%}", f"more than {self.most:.0%}"
        if self.low == self.most or self.high == self.least:
            return above if self.high is None else below
        low = below if self.low is None else f"{self.low:.0%}"
        return f"{low} to {above if self.high is None else f'{self.high:.0%}'}"

    def band(self, log_ratios: Floats) -> tuple[Floats, Floats, Floats]:
        """Share that prefer ours by the fit, and its interval, at each ratio."""
        line, error = _line(self.fit, log_ratios)
        known = np.isfinite(self.fit.quantile)
        margin = self.fit.quantile * error if known else np.full_like(error, np.inf)
        return expit(line), expit(line - margin), expit(line + margin)


def find(
    draws: Draws, conditions: Sequence[Condition], ours: str, theirs: str, rate: str | None = None
) -> Equality | None:
    """Compare two codes; None where fewer than two ratios were compared.

    Args:
        rate: of theirs, to compare with that alone.
    """
    _, counts = draws.tally.totals()
    used, logs, signs = [], [], []
    for number, (first, second) in enumerate(draws.tally.pairs):
        a, b = conditions[first], conditions[second]
        if {a.code, b.code} != {ours, theirs} or a.cbr is None or b.cbr is None:
            continue
        mine, other = (a, b) if a.code == ours else (b, a)
        if counts[number] and rate in (None, other.rate):
            used.append(number)
            logs.append(np.log(mine.cbr / other.cbr))
            signs.append(a.code == ours)
    x = np.array(logs)
    if len(np.unique(x.round(9))) < 2:
        return None
    first = np.array(signs)

    def oriented(wins: Floats, counts: Floats) -> tuple[Floats, Floats]:
        wins, counts = wins[..., used], counts[..., used]
        return np.where(first, wins, counts - wins), counts

    fit = draws.of(lambda wins, counts: fit_logistic(x, *oriented(wins, counts)))
    ratio, bound, low, high = _crossing(fit, x.min(), x.max())
    return Equality(
        ours, theirs, rate, ratio, bound, low, high, float(np.exp(x.min())),
        float(np.exp(x.max())), fit, _points(x, *oriented(*draws.tally.totals())),
    )  # fmt: skip


def fit_logistic(x: Floats, wins: Floats, counts: Floats) -> Floats:
    """a and b of 1 / (1 + exp(-(a + b x))) by Newton's method, many at once.

    Args:
        x: float64 [n].
        wins, counts: float64 [..., n].

    Returns:
        float64 [..., 2].
    """
    basis = np.stack([np.ones_like(x), x], 1)
    found = np.zeros((*wins.shape[:-1], 2))
    for _ in range(_STEPS):
        chance = expit(found @ basis.T)
        slope = (wins - counts * chance) @ basis - _PRIOR * found
        weight = counts * chance * (1 - chance)
        bend = np.einsum("...n,ni,nj->...ij", weight, basis, basis) + _PRIOR * np.eye(2)
        step = np.linalg.solve(bend, slope[..., None])[..., 0]
        longest = np.abs(step).max(-1, keepdims=True)
        found += step * np.minimum(1, _LONGEST / np.maximum(longest, _LONGEST))
        if longest.max() < _CLOSE:
            break
    return found


def _line(fit: Estimated, x: Floats) -> tuple[Floats, Floats]:
    basis = np.stack([np.ones_like(x), x], 1)
    error = np.sqrt(np.einsum("ni,ij,nj->n", basis, fit.covariance, basis).clip(0))
    return basis @ fit.value, error


def _crossing(
    fit: Estimated, least: float, most: float
) -> tuple[float | None, str, float | None, float | None]:
    """Ratio, bound, low, high; `least` and `most` are logarithms."""
    a, b = fit.value
    if b <= 0:
        return None, "unknown", None, None
    at = -a / b
    bound = "less than" if at < least else "more than" if at > most else ""
    low = high = None
    if np.isfinite(fit.quantile):
        # Where the square of the line is that of its margin.
        square, cross, constant = (
            fit.value[i] * fit.value[j] - fit.quantile**2 * fit.covariance[i, j]
            for i, j in ((1, 1), (0, 1), (0, 0))
        )
        if square > 0:  # else the slope may be zero, and every ratio is in
            root = np.sqrt(max(cross * cross - square * constant, 0.0))
            ends = (-cross - root) / square, (-cross + root) / square
            low = float(np.exp(min(ends[0], most))) if ends[0] >= least else None
            high = float(np.exp(max(ends[1], least))) if ends[1] <= most else None
    return (None if bound else float(np.exp(at))), bound, low, high


def _points(x: Floats, wins: Floats, counts: Floats) -> Floats:
    rows = []
    for value in np.unique(x.round(9)):
        same = np.isclose(x, value)
        total = counts[same].sum()
        rows.append((value, wins[same].sum() / total, total))
    return np.array(rows)
