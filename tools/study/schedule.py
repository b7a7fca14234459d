# SPDX-License-Identifier: GPL-3.0-or-later
"""The trials of each observer.

All pairs of all pictures lie on a ring. Observers take their trials from it one after the other,
so that all are asked equally often, whoever comes. Which of a pair is on the left is drawn for each
two rounds, the second of which has it the other way round: sides are balanced, and no place in the
order tells them. The order of an observer's trials is a row of a Williams square (E. J. Williams
1949: a Latin square in which every trial also follows every other equally often), so that none is
always early, late or after the same.
Hidden repeats and catch trials are put in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from percast.tools.study.plan import OBVIOUS, ORIGINAL, Study

PAIR, REPEAT, CATCH = "pair", "repeat", "catch"
_APART = 0.4  # of an observer's trials between a pair and its repeat
_GOLDEN = 0.618034
_SIDES, _CATCHES = 1, 2  # what a generator draws, beside the study's seed


@dataclass(frozen=True)
class Trial:
    """What is shown once.

    Attributes:
        number: in the observer's order.
        kind: "pair", "repeat" or "catch".
        picture: number of it in the study.
        left, right: numbers of conditions, or `ORIGINAL` and `OBVIOUS`.
    """

    number: int
    kind: str
    picture: int
    left: int
    right: int


def trials_of(study: Study, slot: int) -> tuple[Trial, ...]:
    """The trials of the observer who came as number `slot`, counted from 0."""
    pairs = _pairs(study, slot)
    count = len(pairs)
    shown = [(float(position), PAIR, *pair) for position, pair in enumerate(pairs)]
    shown += _repeats(study, slot, pairs)
    first = _half(np.random.default_rng((study.seed, _CATCHES, slot)), study.catches)
    for number in range(study.catches):
        picture = (slot * study.catches + number) % len(study.pictures)
        sides = (ORIGINAL, OBVIOUS) if first[number] else (OBVIOUS, ORIGINAL)
        place = (number + (slot * _GOLDEN + 0.3) % 1) * count / study.catches
        shown.append((place, CATCH, picture, *sides))
    shown.sort(key=lambda each: each[0])
    return tuple(Trial(number, *each[1:]) for number, each in enumerate(shown))


def trials_each(study: Study) -> int:
    """Pairs that an observer compares, repeats and catch trials not counted."""
    return min(study.trials, len(study.pairs) * len(study.pictures))


def repeats_each(study: Study) -> int:
    """Of them that are asked again: no more than come early enough for it."""
    return min(study.repeats, _early(trials_each(study)))


def _early(pairs: int) -> int:
    return max(1, int(pairs * (1 - _APART)))


def _pairs(study: Study, slot: int) -> list[tuple[int, int, int]]:
    """Picture, left, right in the observer's order."""
    each = trials_each(study)
    draw = np.random.default_rng(study.seed)
    pictures = draw.permutation(len(study.pictures))
    pairs = draw.permutation(len(study.pairs))
    items = draw.permutation(each)
    sides: dict[int, np.ndarray] = {}
    found = []
    for item in _williams_row(each, slot):
        step = slot * each + int(items[item])
        turn, kind = divmod(step, len(pairs))
        rounds, place = divmod(turn, len(pictures))
        # A diagonal: neighbours on the ring are of different pictures and different pairs.
        picture = int(pictures[(turn + kind) % len(pictures)])
        a, b = study.pairs[int(pairs[kind])]
        if rounds // 2 not in sides:
            sides[rounds // 2] = _sides(study, rounds // 2)
        swapped = sides[rounds // 2][kind, place] ^ rounds % 2
        found.append((picture, b, a) if swapped else (picture, a, b))
    return found


def _sides(study: Study, rounds: int) -> np.ndarray:
    """Whether a pair's first condition is on the right in the first of two rounds, for each pair at
    each turn of the round, 0 or 1, [pairs, pictures].

    Of two turns that follow each other one is the other's opposite, so that no observer has a
    condition on one side only.
    """
    draw = np.random.default_rng((study.seed, _SIDES, rounds))
    pictures = len(study.pictures)
    first = draw.integers(2, size=(len(study.pairs), -(-pictures // 2)))
    return np.stack([first, 1 - first], 2).reshape(len(study.pairs), -1)[:, :pictures]


def _half(draw: np.random.Generator, count: int) -> np.ndarray:
    """0 and 1, half of each in a random order; the odd one is drawn too."""
    return draw.permutation((np.arange(count) + draw.integers(2)) % 2)


def _williams_row(size: int, row: int) -> list[int]:
    first = [0]
    for step in range(1, size):
        first.append((first[-1] + (step if step % 2 else -step)) % size)
    found = [(item + row) % size for item in first]
    # Of odd size it takes the mirrored square as well.
    return found[::-1] if size % 2 and (row // size) % 2 else found


def _repeats(study: Study, slot: int, pairs: list) -> Iterator[tuple]:
    count = len(pairs)
    early, repeats = _early(count), repeats_each(study)
    for number in range(repeats):
        first = int((number + (slot * _GOLDEN) % 1) * early / repeats)
        picture, left, right = pairs[first]
        yield (first + _APART * count + 0.5, REPEAT, picture, right, left)
