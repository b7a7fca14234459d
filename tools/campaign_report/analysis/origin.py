# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a number comes from: cells, command, version."""

import itertools
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_MOST_PARTS = 4


def ranges(cells: Iterable[int]) -> str:
    """1, 2, 3, 7 -> "1-3, 7"; with a step that is the same throughout, "1-21 by 4"."""
    numbers = sorted(set(cells))
    if len(numbers) > 2:
        steps = {b - a for a, b in itertools.pairwise(numbers)}
        if len(steps) == 1 and (step := steps.pop()) > 1:
            return f"{numbers[0]}-{numbers[-1]} by {step}"
    parts, start = [], None
    for number, after in zip(numbers, [*numbers[1:], None], strict=False):
        start = number if start is None else start
        if after != number + 1:
            parts.append(str(number) if start == number else f"{start}-{number}")
            start = None
    return ", ".join(parts)


def short(cells: Collection[int], conditions: Collection[int] = ()) -> str:
    """For people: all of few, else how many, of which conditions; these are listed, each with all
    of its cells, at the end of the page, in CSV files and in `--json`."""
    full = ranges(cells)
    if full.count(",") < _MOST_PARTS:
        return f"cells {full}" if len(cells) != 1 else f"cell {full}"
    text = f"{len(cells):,} cells"
    if not conditions:
        return f"{text} from {min(cells)} to {max(cells)}"
    return f"{text} of condition{'s' * (len(set(conditions)) > 1)} {ranges(conditions)}"


@dataclass(frozen=True)
class Origin:
    """Of the numbers of a report.

    Attributes:
        measured: version (and commit) that measured.
        command: that measured.
        reported: version that reports.
        report_command: that reports.
    """

    measured: str
    command: str
    reported: str
    report_command: str

    def line(self, cells: Collection[int], conditions: Collection[int] = ()) -> str:
        """For small print."""
        return f"From {short(cells, conditions)}, by `{self.command}`, percast {self.measured}"
