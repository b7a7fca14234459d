# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a number comes from: cells, command, version."""

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

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
class By:
    """Who made something.

    Attributes:
        percast: version, and commit.
        command: as typed.
    """

    percast: str
    command: str

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """By what was written down with a run, or with a decoding, which has no version."""
        commit = record.get("commit")
        state = f"{commit['sha'][:10]}{', changed' if commit['changed'] else ''}" if commit else ""
        version = record.get("percast_version")
        if version is None:
            words = f"at {state}" if state else "of an unknown version"
        else:
            words = f"{version} ({state})" if state else str(version)
        return cls(words, str(record.get("command", "unknown")))

    def __str__(self) -> str:
        return f"`{self.command}`, percast {self.percast}"


@dataclass(frozen=True)
class Origin:
    """Of the numbers of a report.

    Attributes:
        measured: who measured: the run, or who decoded its symbols again.
        reported: who reports.
        sent: the run, where that is not who measured.
    """

    measured: By
    reported: By
    sent: By | None = None

    def line(self, cells: Collection[int], conditions: Collection[int] = ()) -> str:
        """For small print."""
        text = f"From {short(cells, conditions)}, by {self.measured}"
        return f"{text}, of what was sent by {self.sent}" if self.sent else text
