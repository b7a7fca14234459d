# SPDX-License-Identifier: GPL-3.0-or-later
"""Axes: from values to places between 0 and 1, and where their ticks are."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MARGIN = 0.05


@dataclass(frozen=True)
class Scale:
    """A range, linear or logarithmic.

    Attributes:
        low, high: its ends; high lies above low.
        log: whether equal ratios are equally far apart.
        ticks: value -> label.
    """

    low: float
    high: float
    log: bool
    ticks: Mapping[float, str]

    def place(self, value: float) -> float:
        """0 at the low end, 1 at the high one."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def scale(
    values: Iterable[float],
    log: bool = False,
    ticks: Mapping[float, str] | None = None,
    low: float | None = None,
    high: float | None = None,
    about: int = 5,
) -> Scale:
    """A range round all finite values and given ticks, with room at its ends.

    Args:
        ticks: value -> label; None takes about so many round ones.
        low, high: ends that the values must not push outward or inward.
    """
    finite = [v for v in values if math.isfinite(v) and not (log and v <= 0)]
    finite += ticks or ()
    least, most = (min(finite), max(finite)) if finite else (1.0, 2.0) if log else (0.0, 1.0)
    if log:
        if least == most:
            least, most = least / 2, most * 2
        room = (most / least) ** _MARGIN
        low, high = low or least / room, high or most * room
    else:
        if least == most:
            room = abs(least) / 10 or 1.0
            least, most = least - room, most + room
        room = (most - least) * _MARGIN
        low = least - room if low is None else low
        high = most + room if high is None else high
    if ticks is None:
        ticks = _log_ticks(low, high) if log else _round_ticks(low, high, about)
    return Scale(low, high, log, {v: t for v, t in ticks.items() if low <= v <= high})


def _round_ticks(low: float, high: float, about: int) -> dict[float, str]:
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min(_STEPS, key=lambda s: abs(math.log(s * power / rough)))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step / 10.0**-decimals, 6) % 1:  # a step of 2.5
        decimals += 1
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [round(i * step, 12) for i in range(first, last + 1)]
    return {v: f"{v:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for v in values}


def _log_ticks(low: float, high: float) -> dict[float, str]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return {m * 10.0**d: f"{m * 10.0**d:g}" for d in decades for m in (1, 2, 5)}
