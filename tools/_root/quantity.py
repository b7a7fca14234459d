# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers as radio people type them: `2.4G`, `4M`, `20e3`, `300n`."""

import argparse
import re
from decimal import Decimal

_EXPONENTS = {"": 0, "n": -9, "u": -6, "m": -3, "k": 3, "K": 3, "M": 6, "G": 9, "g": 9}
_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*([numkKMGg]?)\s*")


def quantity(text: str) -> float:
    """The number that `text` names; an SI suffix n, u, m, k, M or G scales it (`m` is milli).

    Raises `argparse.ArgumentTypeError`, so that it serves as the `type=` of an option.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number such as 2.4G, 4M, 20e3 or 300n")
    digits, suffix = match.groups()
    # Decimal, so that 300n is the same float as 300e-9.
    value = float(Decimal(digits).scaleb(_EXPONENTS[suffix]))
    if value in (float("inf"), float("-inf")):
        raise argparse.ArgumentTypeError(f"'{text}' is too large")
    return value
