# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures in words that claim no more than they hold: bounds and ends of intervals are rounded away
from what they exclude."""

import math

NEAREST, DOWN, UP = "nearest", "down", "up"
_SLACK = 1e-6  # of the last digit: what is a round number but for floating point stays that


def percent(share: float, rounding: str = NEAREST) -> str:
    """A share as a percentage; below 10% and above 90% with a decimal, unless it is zero."""
    value = 100 * share
    near_an_end = 0 < abs(value) < 10 or 90 < value < 100
    return f"{_digits(value, 1 if near_an_end else 0, rounding)}%"


def times(ratio: float, rounding: str = NEAREST) -> str:
    """A ratio as "3.1 times"."""
    return f"{_digits(ratio, 2 if ratio < 2 else 1 if ratio < 10 else 0, rounding)} times"


def _digits(value: float, decimals: int, rounding: str) -> str:
    scaled = value * 10**decimals
    if rounding == DOWN:
        scaled = math.floor(scaled + _SLACK)
    elif rounding == UP:
        scaled = math.ceil(scaled - _SLACK)
    return f"{round(scaled) / 10**decimals:.12g}"
