# SPDX-License-Identifier: GPL-3.0-or-later
"""Every metric against rate and against SNR; all means in a table."""

from fractions import Fraction

from percast.tools.campaign_report.analysis.conditions import Air, Level
from percast.tools.campaign_report.analysis.examples import headline_level, nearest_rate
from percast.tools.campaign_report.analysis.means import Point as Mean
from percast.tools.campaign_report.analysis.origin import ranges, short
from percast.tools.campaign_report.analysis.whole import Analysis
from percast.tools.campaign_report.sections import words
from percast.tools.campaign_report.sections.curves import Plot, figure
from percast.tools.pages import Axis, Block, Figure, Folded, Prose, Section, Table
from percast.tools.statistics.bootstrap import Interval

_MOST_TICKS = 9
_READ = (
    "Means over the pictures that arrived, with 95% intervals. A hollow mark is a mean from which "
    "lost pictures are missing: they may have been the difficult ones."
)


def snr_axis(points: list[Mean]) -> Axis:
    """Of the SNR that was set, or else of the one measured."""
    if not all(p.condition.level.kind == "snr" for p in points):
        return Axis("SNR measured, dB")
    levels = sorted({p.condition.level.db for p in points})
    few = len(levels) <= _MOST_TICKS
    return Axis("SNR, dB", ticks={db: words.plain(db) for db in levels} if few else None)


def snr_of(p: Mean) -> float | None:
    """Place on that axis."""
    return p.condition.level.db if p.condition.level.kind == "snr" else p.snr_db_measured


class AtRate(Fraction):
    """A rate as a panel's title."""

    def __str__(self) -> str:
        return f"CBR {super().__str__()}"


def against_rate(analysis: Analysis) -> Section | None:
    """A figure for each metric and air with more than one rate."""
    figures: dict[str, list[Figure]] = {}
    for air in analysis.campaign.airs:
        points = [p for p in analysis.points if p.condition.air == air]
        rates = {p.condition.cbr for p in points}
        if len(rates) < 2:
            continue
        headline = headline_level({p.condition.level for p in points})
        for metric in analysis.campaign.metrics:
            plot = Plot(
                name=words.slug(f"{metric} against rate {air}"),
                title=f"{words.NAMES[metric]} against channel bandwidth ratio, {air}",
                x=lambda p: float(p.condition.cbr),
                x_axis=words.rate_axis(rates),
                y_axis=words.metric_axis(metric),
                panel=_level,
                headline=headline,
                value=_arrived(metric),
                metric=metric,
            )
            one = figure(plot, points, words.looks(analysis.campaign), analysis.origin)
            figures.setdefault(str(air), []).append(one)
    return _section("rate", "Quality against rate", figures)


def against_snr(analysis: Analysis) -> Section | None:
    """A figure for each metric and air with more than one level."""
    figures: dict[str, list[Figure]] = {}
    for air in analysis.campaign.airs:
        points = [p for p in analysis.points if p.condition.air == air]
        if len({p.condition.level for p in points}) < 2:
            continue
        headline = AtRate(nearest_rate([p.condition.cbr for p in points]))
        for metric in analysis.campaign.metrics:
            plot = Plot(
                name=words.slug(f"{metric} against snr {air}"),
                title=f"{words.NAMES[metric]} against SNR, {air}",
                x=snr_of,
                x_axis=snr_axis(points),
                y_axis=words.metric_axis(metric),
                panel=lambda p: AtRate(p.condition.cbr),
                headline=headline,
                value=_arrived(metric),
                metric=metric,
            )
            one = figure(plot, points, words.looks(analysis.campaign), analysis.origin)
            figures.setdefault(str(air), []).append(one)
    return _section("snr", "Quality against SNR", figures)


def _level(p: Mean) -> Level:
    return p.condition.level


def _arrived(metric: str):
    def value(p: Mean) -> Interval | None:
        return p.figures[metric].arrived

    return value


def _section(name: str, title: str, figures: dict[str, list[Figure]]) -> Section | None:
    """Perceptual metrics open, the others of each air folded below them."""
    if not figures:
        return None
    blocks: list[Block] = [Prose(_READ, "note")]
    for air, some in figures.items():
        if len(figures) > words.MANY_AIRS:
            blocks.append(Folded(air, some))
            continue
        blocks += some[:3]
        if some[3:]:
            names = " and ".join(one.title.partition(" ")[0] for one in some[3:])
            blocks.append(Folded(f"{names}, {air}", some[3:]))
    return Section(name, title, blocks)


def all_means(analysis: Analysis) -> Section:
    """Every mean of every condition."""
    metrics = analysis.campaign.metrics
    heads = ("code", "level", "CBR", "arrived", *(words.NAMES[m] for m in metrics), "cells")
    tables = [_table(analysis, air, heads) for air in analysis.campaign.airs]
    text = (
        "Means over the pictures that arrived, in brackets their 95% interval. The CSV also has "
        "them with every lost picture counted as grey, in full precision."
    )
    if any(f.measured < p.arrived for p in analysis.points for f in p.figures.values()):
        text += " Where a metric was not measured of all that arrived, it is said of how many."
    shown: list[Block] = [Prose(text, "note")]
    if len(tables[0].rows) <= 30 and len(tables) == 1:
        return Section("means", "All means", [*shown, *tables])
    folded = [Folded(table.caption, [table]) for table in tables]
    return Section("means", "All means", [*shown, *folded])


def _table(analysis: Analysis, air: Air, heads: tuple[str, ...]) -> Table:
    metrics = analysis.campaign.metrics
    points = [p for p in analysis.points if p.condition.air == air]
    points.sort(key=lambda p: (p.condition.level, p.condition.cbr))
    csv_heads = [*points[0].condition.key(), "sent", "arrived"]
    for metric in metrics:
        csv_heads += [f"{metric}{end}" for end in ("", "_low", "_high")]
        csv_heads += [f"{metric}_lost_as_grey{end}" for end in ("", "_low", "_high")]
    return Table(
        caption=f"All means, {air}",
        heads=heads,
        rows=[
            (
                p.condition.code.name,
                str(p.condition.level),
                str(p.condition.cbr),
                f"{p.arrived} of {p.sent}",
                *(words.mean(m, p) for m in metrics),
                short(p.cells, [p.number]),
            )
            for p in points
        ],
        name=words.slug(f"means {air}"),
        csv_heads=[*csv_heads, "cells", *(f"{metric}_measured" for metric in metrics)],
        csv_rows=[_csv_row(p, metrics) for p in points],
        source=analysis.origin.line(
            [c for p in points for c in p.cells], [p.number for p in points]
        ),
    )


def _csv_row(p: Mean, metrics: list[str]) -> list[object]:
    row: list[object] = [*p.condition.key().values(), p.sent, p.arrived]
    for metric in metrics:
        for span in (p.figures[metric].arrived, p.figures[metric].filled):
            row += [None] * 3 if span is None else list(span)
    return [*row, ranges(p.cells), *(p.figures[metric].measured for metric in metrics)]
