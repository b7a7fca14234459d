# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a number comes from: cells, command, version."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass


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

    def line(self, cells: Iterable[int] | str) -> str:
        """For small print."""
        text = cells if isinstance(cells, str) else f"cells {ranges(cells)}"
        return f"From {text} by `{self.command}`, percast {self.measured}"
