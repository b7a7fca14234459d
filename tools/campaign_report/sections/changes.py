# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed since another campaign, and whether the intervals say so."""

from collections import Counter

from percast.tools.campaign_report.analysis.changes import Change, Comparison
from percast.tools.campaign_report.analysis.origin import short
from percast.tools.campaign_report.analysis.whole import Analysis
from percast.tools.campaign_report.sections import words
from percast.tools.pages import Block, Folded, Prose, Section, Table
from percast.tools.statistics.differences import FALSE_DISCOVERIES

_NONE = "no change shown"
_LONG = 300  # characters of a record's value


def changes(analysis: Analysis) -> Section | None:
    """Differences, those that are real first; what differs in the records."""
    comparison = analysis.comparison
    if comparison is None:
        return None
    blocks: list[Block] = [Prose(_sentences(comparison))]
    real = [c for c in comparison.changes if c.verdict != _NONE]
    if real:
        blocks.append(_table(analysis, comparison, "Changes that the intervals show", real))
    if comparison.changes:
        every = _table(analysis, comparison, "All differences", comparison.changes)
        blocks.append(Folded(f"All {len(comparison.changes)} differences", [every]))
    blocks.append(_record(comparison))
    for where, only in (("here", comparison.only_here), ("there", comparison.only_there)):
        if only:
            text = f"Only {where}, and so not compared: {'; '.join(only[:20])}"
            more = f"; and {len(only) - 20} more" if len(only) > 20 else ""
            blocks.append(Prose(f"{text}{more}.", "note"))
    return Section("changes", "What changed", blocks)


def _sentences(comparison: Comparison) -> list[str]:
    counted = Counter(c.verdict for c in comparison.changes)
    alone = sum(c.alone != _NONE for c in comparison.changes)
    first = (
        f"Against {_other(comparison)}: {len(comparison.changes)} differences over the "
        f"{comparison.pictures} pictures that both sent, paired by picture; this campaign's less "
        f"the other's. {counted['better']} are better, {counted['worse']} are worse, of "
        f"{counted[_NONE]} no change is shown."
    )
    second = (
        f"Of so many some would look like changes by chance: {alone} have an interval without zero "
        "if each is taken alone; called better or worse are those that remain when at most "
        f"{FALSE_DISCOVERIES:.0%} of them are to be expected by chance (Benjamini and Hochberg). "
        "No change shown does not mean that there is none."
    )
    return [first, second] if comparison.changes else ["The two have no condition in common."]


def _other(comparison: Comparison) -> str:
    return comparison.path + (f", decoding {comparison.decode}" if comparison.decode else "")


def _table(analysis: Analysis, comparison: Comparison, caption: str, some: list[Change]) -> Table:
    rows = [
        (
            str(c.condition),
            words.NAMES[c.metric],
            words.number(c.metric, c.difference.before),
            words.number(c.metric, c.difference.after),
            words.interval(c.metric, c.difference.change, signed=True),
            c.verdict,
            c.difference.clusters,
            short(c.cells, [c.number]),
            short(c.other_cells),
        )
        for c in some
    ]
    heads = ("condition", "metric", "before", "after", "change", "verdict", "pictures", "cells",
             "cells before")  # fmt: skip
    cells, numbers = [c for x in some for c in x.cells], [x.number for x in some]
    source = f"{analysis.origin.line(cells, numbers)}, and {_other(comparison)}"
    return Table(
        caption, heads, rows, name=words.slug(caption), source=source, left=("metric", "verdict")
    )


def _record(comparison: Comparison) -> Block:
    if not comparison.record:
        return Prose("Their records are the same, in every word.")
    rows = [(name, _short(a), _short(b)) for name, (a, b) in comparison.record.items()]
    table = Table(
        "What differs in their records",
        ("record", "before", "now"),
        rows,
        name="record",
        left=("before", "now"),
    )
    return Folded(f"What differs in their records ({len(rows)})", [table])


def _short(value: object) -> str:
    text = words.DASH if value is None else str(value)
    return text if len(text) <= _LONG else text[:_LONG] + " ..."
