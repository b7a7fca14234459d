# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares and ratios in words that claim no more than they hold: bounds are rounded away from what
they exclude."""

import math

NEAREST, DOWN, UP = "nearest", "down", "up"
_SLACK = 1e-6  # of the last digit: what is a round number but for floating point stays that


def percent(share: float, rounding: str = NEAREST, decimals: int | None = None) -> str:
    """A share as a percentage.

    Args:
        share: 0.25 is "25%".
        rounding: `NEAREST`, `DOWN` or `UP`.
        decimals: None for one below 10% and above 90%, unless it is zero, and none between.
    """
    value = 100 * share
    if decimals is None:
        decimals = int(0 < abs(value) < 10 or 90 < value < 100)
    return f"{_digits(value, decimals, rounding)}%"


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
