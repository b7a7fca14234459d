# SPDX-License-Identifier: GPL-3.0-or-later
"""Bandwidth saved at equal quality."""

from fractions import Fraction

from percast.tools.campaign_report.analysis.conditions import Air, Code, Level
from percast.tools.campaign_report.analysis.examples import headline_level
from percast.tools.campaign_report.analysis.origin import ranges
from percast.tools.campaign_report.analysis.savings import Saving
from percast.tools.campaign_report.analysis.whole import Analysis
from percast.tools.campaign_report.sections import words
from percast.tools.pages import Block, Folded, Prose, Section, Table

_TEXT = (
    "For the quality that the baseline has at each of its rates: how much less bandwidth the other "
    "code takes for the same value of the metric, in the same channel at the same level. Negative: "
    "it takes more. Between measured rates, the logarithm of the rate is interpolated "
    f"monotonically over the metric. A sign {words.AT_LEAST} or < says {words.BEYOND}: better "
    "already at the lowest rate measured, or worse even at the highest; nothing is extrapolated. "
    "In brackets 95% intervals, from the same draws of pictures for both codes."
)


def saved(analysis: Analysis) -> Section:
    """A table for each pair of codes, channel and level; the headline's first."""
    blocks: list[Block] = [Prose(_TEXT, "note")]
    groups: dict[tuple[Code, Code, Air, Level], list[Saving]] = {}
    for saving in analysis.savings:
        key = (saving.code, saving.baseline, saving.air, saving.level)
        groups.setdefault(key, []).append(saving)
    if not groups:
        blocks.append(Prose(why_none(analysis)))
        return Section("saved", "Bandwidth saved", blocks)
    for air in analysis.campaign.airs:
        here = {key: some for key, some in groups.items() if key[2] == air}
        if not here:
            continue
        headline = headline_level({key[3] for key in here})
        main = [_table(analysis, some) for key, some in here.items() if key[3] == headline]
        if len(analysis.campaign.airs) > words.MANY_AIRS:
            blocks.append(Folded(f"{air}, {headline}", main))
        else:
            blocks += main
        others = [_table(analysis, some) for key, some in here.items() if key[3] != headline]
        if others:
            blocks.append(Folded(f"{air}, other levels", others))
    return Section("saved", "Bandwidth saved", blocks)


def why_none(analysis: Analysis) -> str:
    """Why nothing can be said."""
    if not analysis.baselines:
        return "Only one code was measured: there is nothing to compare it with."
    return (
        "Nothing can be said of bandwidth saved: no two codes were measured in the same channel at "
        "the same level, one of them at two rates at which pictures arrived."
    )


def _table(analysis: Analysis, some: list[Saving]) -> Table:
    first = some[0]
    rates = list(dict.fromkeys(rate for saving in some for rate in saving.rates))
    rows = [
        (
            f"{first.baseline.name} at {rate}",
            *(words.saved(s.rates[rate]) if rate in s.rates else words.DASH for s in some),
        )
        for rate in sorted(rates)
    ]
    if any(s.mean for s in some):
        rows.append(("mean over what both reach", *(_mean(s) for s in some)))
    left_out = _left_out(some)
    note = f"Left out: {'; '.join(left_out)}. " if left_out else ""
    note += _over_fewer(some, len(analysis.campaign.pictures))
    where = f"{first.air}, {first.level}"
    return Table(
        caption=f"Bandwidth that {first.code.name} saves of {first.baseline.name}'s, {where}",
        heads=("at the quality of", *(f"equal {words.NAMES[s.metric]}" for s in some)),
        rows=rows,
        name=words.slug(f"saved {first.code.name} {first.baseline.name} {where}"),
        csv_heads=("metric", "baseline_cbr", "share_taken", "bound", "low", "low_bound", "high",
                   "high_bound", "cells"),
        csv_rows=[_csv_row(s, rate) for s in some for rate in s.rates],
        source=note + analysis.origin.line(first.cells, first.numbers),
    )  # fmt: skip


def _left_out(some: list[Saving]) -> list[str]:
    """With the metrics that it is of, where it is not of all."""
    of: dict[str, list[str]] = {}
    for saving in some:
        for text in saving.left_out:
            of.setdefault(text, []).append(words.NAMES[saving.metric])
    return [
        text if len(metrics) == len(some) else f"{text} ({', '.join(metrics)})"
        for text, metrics in of.items()
    ]


def _over_fewer(some: list[Saving], pictures: int) -> str:
    """By which metrics codes are compared over fewer pictures than there are."""
    fewer = [f"{words.NAMES[s.metric]} {s.pictures}" for s in some if s.pictures < pictures]
    if not fewer:
        return ""
    listed = ", ".join(fewer)
    return f"Over the pictures, of {pictures}, that have the metric at all points: {listed}. "


def _mean(saving: Saving) -> str:
    return words.DASH if saving.mean is None else words.saved_mean(saving.mean)


def _csv_row(saving: Saving, rate: Fraction) -> list[object]:
    at = saving.rates[rate]
    row: list[object] = [saving.metric, str(rate)]
    for share in (at.share, at.low, at.high):
        row += [None, None] if share is None else [share.ratio, share.bound]
    return [*row, ranges(saving.cells)]
