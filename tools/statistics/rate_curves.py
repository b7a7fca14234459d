# SPDX-License-Identifier: GPL-3.0-or-later
"""How much channel bandwidth one code takes of another's for pictures of equal quality.

A curve is a metric over the channel bandwidth ratio, measured at a few rates. Between them it is
interpolated monotonically on the rate's logarithm; beyond them nothing is said but a bound.

Many curves are interpolated at once: a bootstrap draws thousands.
"""

from collections.abc import Mapping
from math import exp, inf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from percast.tools.statistics.wording import DOWN, UP, percent

HIGHER_IS_BETTER = frozenset({"psnr_db", "ms_ssim"})
"""Of the figures that `percast.engines.evaluation.evaluate.METRICS` names; of all others less is
better."""

_GRID = 64  # qualities at which rates are compared for their mean ratio

Floats = npt.NDArray[np.float64]


class Share(NamedTuple):
    """Bandwidth at equal quality.

    Attributes:
        ratio: ours divided by theirs; 0.25 saves three quarters.
        bound: "" for a value within both curves, else what `ratio` is: "at most" where ours is
            better already at the lowest rate that was measured, "more than" where it is worse
            even at the highest.
    """

    ratio: float
    bound: str = ""

    def __str__(self) -> str:
        if self.bound:
            away = UP if self.bound == "at most" else DOWN
            return f"{self.bound} {percent(self.ratio, away, 0)} (beyond the measured range)"
        return f"{self.ratio:.0%}"


def bandwidth_shares(
    ours: Mapping[float, float], theirs: Mapping[float, float], figure: str
) -> dict[float, Share]:
    """What share of their bandwidth we take for the quality that they have at each of their rates.

    Args:
        ours, theirs: channel bandwidth ratio -> mean of the figure at it.
        figure: a value of `percast.engines.evaluation.evaluate.METRICS`; tells which direction is
            better.

    Returns:
        By their rates, rising. A rate of ours at which the figure is no better than at a lower
        one is left out of our curve: nobody would send at it.

    Raises:
        ValueError: one of the curves has no points.
    """
    if not ours or not theirs:
        raise ValueError("a curve without points")
    sign = 1 if figure in HIGHER_IS_BETTER else -1
    rates, quality = (np.array(column) for column in zip(*sorted(ours.items()), strict=True))
    their_rates, wanted = (np.array(c) for c in zip(*sorted(theirs.items()), strict=True))
    useful = rates[_useful(sign * quality)]
    found = rates_at_quality(np.log(rates), sign * quality, sign * wanted)
    return {
        float(rate): told(value, useful, rate)
        for value, rate in zip(found, their_rates, strict=True)
    }


def told(log_rate: float, rates: Floats, their_rate: float) -> Share:
    """A result of `rates_at_quality` as a share of their rate.

    Args:
        rates: that were measured of ours, rising; they bound what lies beyond.
    """
    if log_rate == inf:
        return Share(float(rates[-1] / their_rate), "more than")
    if log_rate == -inf:
        return Share(float(rates[0] / their_rate), "at most")
    return Share(exp(log_rate) / float(their_rate))


def rates_at_quality(log_rates: Floats, quality: Floats, wanted: Floats) -> Floats:
    """The logarithm of the rate at which curves have a quality.

    By the piecewise cubic that stays monotone of Fritsch and Butland ("A method for constructing
    local monotone piecewise cubic interpolants", SIAM J. Sci. Stat. Comput. 5, 1984), the rate's
    logarithm over the quality; the same as `scipy.interpolate.PchipInterpolator`, which takes one
    curve at a time.

    Args:
        log_rates: of the points of every curve, rising, float64 [n].
        quality: at these, more is better, float64 [..., n]; NaN leaves a point out, and so does
            a lower rate with as good a quality.
        wanted: float64 [..., m].

    Returns:
        float64 [..., m]: -inf where the lowest rate is better already, inf where the highest is
        still worse, NaN where a curve has no points or a wanted quality is NaN.
    """
    shape = (*quality.shape[:-1], wanted.shape[-1])
    rows = quality.reshape(-1, quality.shape[-1])
    goals = np.broadcast_to(wanted, shape).reshape(-1, shape[-1])
    found = np.full(goals.shape, np.nan)
    masks = _useful(rows)
    for mask in np.unique(masks, axis=0):  # few: most curves improve at every rate
        those = (masks == mask).all(1)
        if mask.any():
            found[those] = _interpolated(rows[those][:, mask], log_rates[mask], goals[those])
    return found.reshape(shape)


def mean_log_ratio(
    our_log_rates: Floats, ours: Floats, their_log_rates: Floats, theirs: Floats
) -> Floats:
    """Mean logarithm of our rate over theirs, over the qualities that both curves reach.

    Args:
        our_log_rates, their_log_rates: rising, float64 [n], [m].
        ours, theirs: qualities, more is better, float64 [..., n], [..., m].

    Returns:
        float64 [...]; NaN where no quality is reached by both.
    """
    ours, theirs = (np.where(_useful(curve), curve, np.nan) for curve in (ours, theirs))
    low = np.maximum(np.fmin.reduce(ours, -1), np.fmin.reduce(theirs, -1))
    high = np.minimum(np.fmax.reduce(ours, -1), np.fmax.reduce(theirs, -1))
    # Half a step within, so that no rounding puts a point beyond.
    steps = (np.arange(_GRID) + 0.5) / _GRID
    grid = low[..., np.newaxis] + (high - low)[..., np.newaxis] * steps
    grid = np.where((high > low)[..., np.newaxis], grid, np.nan)
    ratio = rates_at_quality(our_log_rates, ours, grid) - rates_at_quality(
        their_log_rates, theirs, grid
    )
    return ratio.mean(-1)


def _useful(quality: Floats) -> npt.NDArray[np.bool_]:
    """Points that are better than all at lower rates: [..., n] -> [..., n]."""
    known = np.where(np.isnan(quality), -inf, quality)
    best = np.maximum.accumulate(known, -1)
    before = np.concatenate([np.full((*quality.shape[:-1], 1), -inf), best[..., :-1]], -1)
    return known > before


def _interpolated(x: Floats, y: Floats, wanted: Floats) -> Floats:
    """x float64 [b, n], rising; y [n], rising; wanted [b, m] -> [b, m]."""
    below, above = wanted < x[:, :1], wanted > x[:, -1:]
    if len(y) == 1:
        inside = np.full(wanted.shape, y[0])
    else:
        width, slope = np.diff(x), np.diff(y) / np.diff(x)
        tangent = _tangents(width, slope)
        piece = (wanted[:, :, np.newaxis] >= x[:, np.newaxis, 1:-1]).sum(2)

        def of(values: Floats, shift: int = 0) -> Floats:
            return np.take_along_axis(values, piece + shift, 1)

        h = of(width)
        s = (wanted - of(x)) / h
        left, right = y[piece], y[piece + 1]
        # Hermite's cubic.
        inside = (
            left * (1 + 2 * s) * (1 - s) ** 2
            + right * s**2 * (3 - 2 * s)
            + h * s * (1 - s) * (of(tangent) * (1 - s) - of(tangent, 1) * s)
        )
    inside = np.where(np.isnan(wanted), np.nan, inside)
    return np.where(above, inf, np.where(below, -inf, inside))


def _tangents(width: Floats, slope: Floats) -> Floats:
    """Of a rising curve at its points: widths and slopes of its pieces [b, n - 1] -> [b, n]."""
    if width.shape[1] == 1:
        return np.repeat(slope, 2, axis=1)
    tangent = np.empty((len(width), width.shape[1] + 1))
    first, last = 2 * width[:, 1:] + width[:, :-1], width[:, 1:] + 2 * width[:, :-1]
    tangent[:, 1:-1] = (first + last) / (first / slope[:, :-1] + last / slope[:, 1:])
    for end, near, next_ in ((0, 0, 1), (-1, -1, -2)):
        h0, h1, m0, m1 = width[:, near], width[:, next_], slope[:, near], slope[:, next_]
        tangent[:, end] = np.maximum(((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1), 0)
    return tangent
