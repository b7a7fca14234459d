# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose bandwidth is compared with whose, and at how many ratios."""

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

from percast.tools.study.plan import Condition, Study

OURS = "percast"
"""The code whose share of the other's bandwidth is asked for, whoever is named first."""


def is_ours(code: str) -> bool:
    """Also of "percast snr 10", as a campaign's conditions are called."""
    return code.split()[:1] == [OURS]


def code_pairs(study: Study) -> list[tuple[str, str]]:
    """Codes with rates, two and two: ours first, the others as the operator named them."""
    codes = dict.fromkeys(c.code for c in study.conditions if c.rate)
    return list(itertools.combinations(sorted(codes, key=lambda code: not is_ours(code)), 2))


def oriented(
    conditions: Sequence[Condition], pair: Sequence[int], ours: str, theirs: str
) -> tuple[Condition, Condition] | None:
    """The two conditions of a pair, that of `ours` first; None where it is not of these codes, or
    has no rates."""
    found = {conditions[number].code: conditions[number] for number in pair}
    if found.keys() != {ours, theirs} or None in (found[ours].rate, found[theirs].rate):
        return None
    return found[ours], found[theirs]


def too_few(study: Study) -> Iterator[str]:
    """Of each two codes that are compared at one ratio alone, that it takes two."""
    for ours, theirs in code_pairs(study):
        both = [oriented(study.conditions, pair, ours, theirs) for pair in study.pairs]
        ratios = {Fraction(a.rate) / Fraction(b.rate) for a, b in filter(None, both)}
        if len(ratios) == 1:
            (ratio,) = ratios
            yield (
                f"{ours} and {theirs} are compared at one ratio of bandwidths alone "
                f"({float(ratio):.0%}); which one makes both equal to people takes two or more to "
                "tell: add another rate of either"
            )
