# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of a metric, or of the share that arrived: one curve a code, a panel a level or rate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from percast.tools.campaign_report.analysis.conditions import Code
from percast.tools.campaign_report.analysis.means import Point as Mean
from percast.tools.campaign_report.analysis.origin import Origin, ranges, short
from percast.tools.campaign_report.sections import words
from percast.tools.pages import Axis, Figure, Panel, Point, Series
from percast.tools.statistics.bootstrap import Interval

MOST_PANELS = 6


@dataclass(frozen=True)
class Plot:
    """What a figure shows of points.

    Args:
        name, title: of the figure.
        x: place of a point on the axis; None leaves it out.
        x_axis, y_axis: axes.
        panel: what a point's panel is of.
        headline: the panel that must not be left out where there are too many.
        value: of a point; None where it has none.
        metric: for the digits of tooltips.
        text: how to read it.
        most_panels: before some are left out.
    """

    name: str
    title: str
    x: Callable[[Mean], float | None]
    x_axis: Axis
    y_axis: Axis
    panel: Callable[[Mean], Any]
    headline: Any
    value: Callable[[Mean], Interval | None]
    metric: str
    text: str = ""
    most_panels: int = MOST_PANELS


_HEADS = ("code", "channel", "level", "cbr", "value", "low", "high", "arrived", "sent", "cells")


def figure(plot: Plot, points: Sequence[Mean], looks: dict[Code, int], origin: Origin) -> Figure:
    """Of all points that have a place and a value; all of them are in its CSV, even where there
    are too many panels."""
    known = [p for p in points if plot.value(p) is not None and plot.x(p) is not None]
    kinds = sorted({plot.panel(p) for p in known})
    drawn = _chosen(kinds, plot.headline, plot.most_panels)
    text = plot.text if known else "Nothing arrived that could be shown."
    if len(drawn) < len(kinds):
        text += f" {len(kinds) - len(drawn)} further panels are left out; the numbers have all."
    return Figure(
        name=plot.name,
        title=plot.title,
        panels=[
            Panel(str(kind), plot.x_axis, plot.y_axis, _series(plot, known, kind, looks))
            for kind in drawn
        ],
        heads=_HEADS,
        rows=[_row(plot, p) for p in known],
        text=text.strip(),
        source=origin.line([c for p in points for c in p.cells], [p.number for p in points]),
    )


def _chosen(kinds: list, headline: Any, most: int) -> list:
    """At most so many, evenly, with the headline's."""
    if len(kinds) <= most:
        return kinds
    step = (len(kinds) - 1) / (most - 1)
    places = {round(i * step) for i in range(most)}
    if headline in kinds and (wanted := kinds.index(headline)) not in places:
        inner = places - {0, len(kinds) - 1}
        places.remove(min(inner, key=lambda place: abs(place - wanted)))
        places.add(wanted)
    return [kinds[place] for place in sorted(places)]


def _series(plot: Plot, points: Sequence[Mean], kind: Any, looks: dict[Code, int]) -> list[Series]:
    series = []
    for code, look in looks.items():
        mine = [p for p in points if p.condition.code == code and plot.panel(p) == kind]
        if mine:
            marks = sorted((_mark(plot, p) for p in mine), key=lambda mark: mark.x)
            series.append(Series(code.name, look, marks))
    return series


def _mark(plot: Plot, p: Mean) -> Point:
    span = plot.value(p)
    note = (
        f"{p.condition}: {words.NAMES[plot.metric]} {words.interval(plot.metric, span)}; "
        f"{p.arrived} of {p.sent} arrived{_measured(plot.metric, p)}; {short(p.cells, [p.number])}"
    )
    return Point(plot.x(p), span.value, span.low, span.high, p.arrived < p.sent, note)


def _measured(metric: str, p: Mean) -> str:
    figure = p.figures.get(metric)
    fewer = figure is not None and figure.measured < p.arrived
    return f", measured of {figure.measured}" if fewer else ""


def _row(plot: Plot, p: Mean) -> tuple:
    c, span = p.condition, plot.value(p)
    return (
        c.code.name, str(c.air), str(c.level), str(c.cbr), *span, p.arrived, p.sent,
        ranges(p.cells),
    )  # fmt: skip
