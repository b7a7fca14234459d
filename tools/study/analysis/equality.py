# SPDX-License-Identifier: GPL-3.0-or-later
"""The bandwidth at which two codes are equally good.

Where one code has r times the bandwidth of the other, it is preferred with probability
1 / (1 + exp(-(a + b log r))): the codes are equal at r = exp(-a / b). More bandwidth cannot hurt
(b >= 0), so that both can be equal only above every r at which that line is surely below zero, and
only below every r at which it is surely above: that is the interval. Where the slope is well known
it is Fieller's ("Some problems in interval estimation", J. R. Statist. Soc. B 16, 1954); where it
is not, as when one code wins at every ratio, the side on which they are equal may be known
nevertheless. Nothing is extrapolated: what lies beyond the ratios that were compared is a bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from percast.tools.statistics.wording import DOWN, UP, percent
from percast.tools.study.analysis.draws import Draws, Estimated
from percast.tools.study.analysis.saved import Saved
from percast.tools.study.analysis.tally import Floats
from percast.tools.study.plan import Condition
from percast.tools.study.ratios import oriented

_PRIOR = 1e-2  # of the squares of a and b: keeps them finite where all prefer one
_STEPS, _LONGEST, _CLOSE = 60, 3.0, 1e-9
_FINE = 2001  # ratios within the compared range at which the line is looked at


@dataclass(frozen=True)
class Equality:
    """At which ratio of bandwidths two codes are equal.

    Attributes:
        ours, theirs: the codes.
        rate: theirs, for one rate; None over all.
        ratio: ours divided by theirs; None where none of those compared is it.
        bound: "" for a ratio that was found, "less than" where ours is better at the smallest ratio
            already, "more than" where it is worse at the largest, "unknown" where more bandwidth
            did not make it better and neither is sure.
        low, high: ends of the interval; None where it goes beyond what was compared on that side.
            Where it lies beyond altogether, its one end is the largest ratio, or the smallest.
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
        if self.bound == "less than":
            return f"{self.bound} {percent(self.least, UP)}"
        if self.bound:
            return f"{self.bound} {percent(self.most, DOWN)}"
        return percent(self.ratio)

    @property
    def remark(self) -> str:
        """Why there is no number; empty where there is one."""
        if self.bound == "unknown":
            return "more bandwidth did not make it better"
        return "beyond the measured range" if self.bound else ""

    @property
    def interval(self) -> str:
        """In words."""
        if not self.known:
            return "no interval of so few observers or pictures"
        below = f"less than {percent(self.least, UP)}"
        above = f"more than {percent(self.most, DOWN)}"
        if self.low == self.most or self.high == self.least:
            return above if self.high is None else below
        low = below if self.low is None else percent(self.low, DOWN)
        return f"{low} to {above if self.high is None else percent(self.high, UP)}"

    @property
    def known(self) -> bool:
        """Whether there were enough observers and pictures for an interval."""
        return bool(np.isfinite(self.fit.quantile))

    @property
    def saved(self) -> Saved:
        """What ours saves of the bandwidth of theirs: the same, told by what is missing to 1."""

        def missing(ratio: float | None) -> float | None:
            return None if ratio is None else 1 - ratio

        bound = {"less than": "more than", "more than": "less than"}.get(self.bound, self.bound)
        limit = {"less than": self.least, "more than": self.most}.get(self.bound)
        return Saved(
            missing(self.ratio), bound, missing(limit), missing(self.high), missing(self.low),
            missing(self.most), missing(self.least), self.known,
        )  # fmt: skip

    def differing(self, at_rates: Sequence["Equality"]) -> str:
        """A sentence where the ratio lies outside the interval of some rate by itself, or nothing:
        one line over all rates is no good summary then."""
        if self.ratio is None:
            return ""
        rates = [
            each.rate for each in at_rates
            if each.known and (each.ours, each.theirs) == (self.ours, self.theirs)
            and not (each.low or 0) <= self.ratio <= (each.high or np.inf)
        ]  # fmt: skip
        if not rates:
            return ""
        return (
            f"{percent(self.ratio)} over all rates hides that rates differ: it lies outside the "
            f"interval at {self.theirs}'s {', '.join(rates)} alone, see each rate by itself"
        )

    def band(self, log_ratios: Floats) -> tuple[Floats, Floats, Floats]:
        """Share that prefer ours by the fit, and its interval, at each ratio."""
        line, error = _line(self.fit, log_ratios)
        margin = _margin(self.fit, error)
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
    for number, pair in enumerate(draws.tally.pairs):
        both = oriented(conditions, pair, ours, theirs)
        if both is not None and counts[number] and rate in (None, both[1].rate):
            used.append(number)
            logs.append(np.log(both[0].cbr / both[1].cbr))
            signs.append(conditions[pair[0]].code == ours)
    x = np.array(logs)
    if len(np.unique(x.round(9))) < 2:
        return None
    first = np.array(signs)

    def ours_first(wins: Floats, counts: Floats) -> tuple[Floats, Floats]:
        wins, counts = wins[..., used], counts[..., used]
        return np.where(first, wins, counts - wins), counts

    fit = draws.of(lambda wins, counts: fit_logistic(x, *ours_first(wins, counts)))
    ratio, bound, low, high = _crossing(fit, x.min(), x.max())
    return Equality(
        ours, theirs, rate, ratio, bound, low, high, float(np.exp(x.min())),
        float(np.exp(x.max())), fit, _points(x, *ours_first(*draws.tally.totals())),
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


def _margin(fit: Estimated, error: Floats) -> Floats:
    return fit.quantile * error if np.isfinite(fit.quantile) else np.full_like(error, np.inf)


def _crossing(
    fit: Estimated, least: float, most: float
) -> tuple[float | None, str, float | None, float | None]:
    """Ratio, bound, low, high; `least` and `most` are logarithms."""
    x = np.linspace(least, most, _FINE)
    line, error = _line(fit, x)
    margin = _margin(fit, error)
    worse, better = np.flatnonzero(line + margin < 0), np.flatnonzero(line - margin > 0)
    if worse.size and better.size and worse[-1] > better[0]:
        return None, "unknown", None, None  # more bandwidth surely hurt: no ratio can be said
    low = float(np.exp(x[worse[-1]])) if worse.size else None
    high = float(np.exp(x[better[0]])) if better.size else None
    a, b = fit.value
    if b > 0:
        at = -a / b
        bound = "less than" if at < least else "more than" if at > most else ""
        return (None if bound else float(np.exp(at))), bound, low, high
    # The likeliest slope is none at all, then: better or worse somewhere is so everywhere.
    bound = "less than" if better.size else "more than" if worse.size else "unknown"
    return None, bound, low, high


def _points(x: Floats, wins: Floats, counts: Floats) -> Floats:
    rows = []
    for value in np.unique(x.round(9)):
        same = np.isclose(x, value)
        total = counts[same].sum()
        rows.append((value, wins[same].sum() / total, total))
    return np.array(rows)
