# SPDX-License-Identifier: GPL-3.0-or-later
"""How much channel bandwidth one code takes of another's for pictures of equal quality.

A curve is a metric over the channel bandwidth ratio, measured at a few rates. Between them it is
interpolated monotonically on the rate's logarithm; beyond them nothing is said but a bound.
"""

from collections.abc import Mapping
from math import exp, log
from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

HIGHER_IS_BETTER = frozenset({"psnr_db", "ms_ssim"})
"""Of the figures that `percast.engines.evaluation.evaluate.METRICS` names; of all others less is
better."""


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
            return f"{self.bound} {self.ratio:.0%} (beyond the measured range)"
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
    rates: list[float] = []
    quality: list[float] = []
    for rate, value in sorted(ours.items()):
        if not quality or sign * value > quality[-1]:
            rates.append(rate)
            quality.append(sign * value)
    at_quality = PchipInterpolator(quality, np.log(rates)) if len(rates) > 1 else None
    shares = {}
    for rate, value in sorted(theirs.items()):
        wanted = sign * value
        if wanted > quality[-1]:
            shares[rate] = Share(rates[-1] / rate, "more than")
        elif wanted < quality[0]:
            shares[rate] = Share(rates[0] / rate, "at most")
        else:
            found = float(at_quality(wanted)) if at_quality else log(rates[0])
            shares[rate] = Share(exp(found) / rate)
    return shares
