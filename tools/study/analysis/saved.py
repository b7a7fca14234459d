# SPDX-License-Identifier: GPL-3.0-or-later
"""The share of the other code's bandwidth that one saves where people find both equal."""

from dataclasses import dataclass

from percast.tools.statistics.wording import DOWN, NEAREST, UP, percent, times

_NOTHING, _ROUND = 0.005, 1e-9
_NONE, _PERHAPS = "none", "perhaps none"


@dataclass(frozen=True)
class Saved:
    """What follows from a ratio of bandwidths: 1 less the ratio, where sides change.

    Attributes:
        value: share that is saved, negative where more is needed; None where there is but a bound.
        bound: "" for a value; "more than" or "less than" `limit`, or "unknown".
        limit: of that bound; None without.
        low, high: ends of the interval; None where it goes beyond what was compared on that side.
        least, most: shares that the compared ratios would save.
        known: whether there is an interval at all.
    """

    value: float | None
    bound: str
    limit: float | None
    low: float | None
    high: float | None
    least: float
    most: float
    known: bool

    def __str__(self) -> str:
        return f"{self.brief}: {self.remark}" if self.remark else self.brief

    @property
    def brief(self) -> str:
        """ "60%", "more than 93.7%", "none"."""
        if self.value is not None:
            return percent(max(self.value, 0)) if self.value > -_NOTHING else _NONE
        if self.limit is None:
            return self.bound
        if self.limit >= 0:
            return _share(self.limit, self.bound, "")
        return _NONE if self.bound == "less than" else _PERHAPS

    @property
    def remark(self) -> str:
        """ "needs 3.1 times as much", where nothing is saved."""
        if self.value is not None and self.value <= -_NOTHING:
            return f"needs {_need(self.value)}"
        if self.limit is None or self.limit >= 0:
            return ""
        if self.bound == "less than":
            return f"needs at least {_need(self.limit, DOWN)}"
        return f"needs at most {_need(self.limit, UP)}"

    @property
    def interval(self) -> str:
        """In words; what is negative is told as what is needed."""
        if not self.known:
            return "no interval of so few observers or pictures"
        # Beyond what was compared altogether, or from one end of it to the other.
        if self.low == self.most:
            return _alone(self.most, "more than")
        if self.high == self.least:
            return _alone(self.least, "less than")
        low = (self.least, "less than") if self.low is None else (self.low, "")
        high = (self.most, "more than") if self.high is None else (self.high, "")
        if low[0] >= 0:
            return f"{_share(*low, DOWN)} to {_share(*high, UP)}"
        if high[0] < 0:
            return f"needs {_factor(*high, DOWN)} to {_factor(*low, UP)} as much"
        return f"from needing {_factor(*low, UP)} as much to saving {_share(*high, UP)}"


def _away(bound: str) -> str:
    return UP if bound == "less than" else DOWN


def _need(share: float, rounding: str = NEAREST) -> str:
    return f"{times(1 - share, rounding)} as much"


def _alone(share: float, bound: str) -> str:
    if share >= 0:
        return _share(share, bound, "")
    return f"needs {_factor(share, bound, '')} as much"


def _share(share: float, bound: str, rounding: str) -> str:
    """An end of an interval; with a bound it is one of what was compared."""
    if bound == "less than" and share < _ROUND:
        return _NONE
    return f"{bound} {percent(share, _away(bound))}" if bound else percent(share, rounding)


def _factor(share: float, bound: str, rounding: str) -> str:
    """The same as what is needed: who saves less needs more."""
    turned = {"less than": "more than", "more than": "less than"}.get(bound)
    if turned is None:
        return times(1 - share, rounding)
    return f"{turned} {times(1 - share, _away(turned))}"
