# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of the observers: what is kept of each, and what the rule says."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from percast.tools.study.analysis.rule import Verdict
from percast.tools.study.messages import DISPLAY
from percast.tools.study.plan import Study

_JUDGED = (
    "done", "catch_right", "repeats_as_before", "most_on_one_side", "median_reaction_s", "counted",
    "reasons",
)  # fmt: skip


def heads(study: Study) -> tuple[str, ...]:
    """Of the columns; a question of the operator's heads its own."""
    shown = (f"display_{name}" for name in DISPLAY)
    return ("observer", "day", "agreed", *shown, *_JUDGED, "simulated", *study.asks)


def rows(
    study: Study,
    observers: Sequence[Mapping[str, Any]],
    verdicts: Sequence[Verdict],
    simulated: bool,
) -> Iterator[tuple]:
    """A row for each who joined, counted from 1; who answered nothing has no verdict.

    Args:
        observers: of `Answers.observers`.
    """
    of_slot = {verdict.slot: verdict for verdict in verdicts}
    for each in observers:
        found = of_slot.get(each["slot"])
        judged: tuple = (0.0, *[None] * 4, 0, "answered nothing")
        if found is not None:
            judged = (
                found.done, found.catch, found.repeat, found.side, found.reaction_s,
                int(found.stays), "; ".join(found.reasons),
            )  # fmt: skip
        asked = each["asked"] or [None] * len(study.asks)
        yield (
            each["slot"] + 1, each["day"], int(each["agreed"]),
            *(each["display"].get(name) for name in DISPLAY), *judged, int(simulated), *asked,
        )  # fmt: skip
