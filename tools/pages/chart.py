# SPDX-License-Identifier: GPL-3.0-or-later
"""A panel: curves over one axis, each point with its interval, as SVG."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from markupsafe import Markup

from percast.tools.pages.scales import Scale, scale
from percast.tools.pages.svg import element, path_data

WIDTH, HEIGHT = 340.0, 262.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 10.0, 28.0, 44.0
LOOKS = 8
"""Colours and markers before they come round again."""


class Point(NamedTuple):
    """A measured point.

    Attributes:
        x, y: where it lies.
        low, high: ends of its interval; None draws none.
        hollow: to be told from others, as a mean over fewer than were sent.
        note: tooltip: the numbers in words, and where they come from.
    """

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    hollow: bool = False
    note: str = ""


@dataclass(frozen=True)
class Series:
    """A curve.

    Args:
        name: in the legend.
        look: colour and marker; the same thing has the same one all over a report.
        points: by rising x.
        dashed: as a curve that goes with another of the same look.
        line: joins its points.
        marks: draws its points, with their intervals; False for a curve that was computed.
    """

    name: str
    look: int
    points: Sequence[Point]
    dashed: bool = False
    line: bool = True
    marks: bool = True


@dataclass(frozen=True)
class Axis:
    """What an axis shows; see `percast.tools.pages.scales.scale`."""

    label: str
    log: bool = False
    ticks: Mapping[float, str] | None = None
    low: float | None = None
    high: float | None = None

    def scale(self, values: Sequence[float]) -> Scale:
        """Round these values."""
        return scale(values, self.log, self.ticks, self.low, self.high)


@dataclass(frozen=True)
class Panel:
    """One frame of curves.

    Args:
        title: above the frame; "" for none.
        x, y: axes.
        series: curves.
        rules: values of y with a thin line across, and its label.
    """

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    rules: Mapping[float, str] = field(default_factory=dict)

    def spans(self) -> tuple[list[float], list[float]]:
        """All values of x, and of y with their intervals."""
        points = [p for s in self.series for p in s.points]
        ys = [v for p in points for v in (p.y, p.low, p.high) if v is not None and math.isfinite(v)]
        return [p.x for p in points], [*ys, *self.rules]

    def draw(self, x: Scale | None = None, y: Scale | None = None) -> Markup:
        """The group of a panel of `WIDTH` by `HEIGHT`.

        Args:
            x, y: scales that several panels share; None makes the panel's own.
        """
        xs, ys = self.spans()
        x, y = x or self.x.scale(xs), y or self.y.scale(ys)
        across, down = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

        def at_x(value: float) -> float:
            return _LEFT + across * x.place(value)

        def at_y(value: float) -> float:
            return _TOP + down * (1 - min(max(y.place(value), 0.0), 1.0))

        parts = [_frame(self, x, y, at_x, at_y)]
        parts += [_curve(series, at_x, at_y) for series in self.series]
        return element("g", *parts)


def marker(look: int, x: float, y: float, hollow: bool = False) -> Markup:
    """The mark of a look: circle, square, triangle, diamond, and so on."""
    r = 3.6
    shapes = (
        element("circle", cx=x, cy=y, r=r),
        element("rect", x=x - 3.2, y=y - 3.2, width=6.4, height=6.4),
        _polygon(x, y, ((0, -4.4), (4.2, 3), (-4.2, 3))),
        _polygon(x, y, ((0, -4.8), (4.4, 0), (0, 4.8), (-4.4, 0))),
        _polygon(x, y, ((0, 4.4), (4.2, -3), (-4.2, -3))),
        _polygon(x, y, ((-4.2, -1.4), (0, -4.6), (4.2, -1.4), (2.6, 3.6), (-2.6, 3.6))),
        _polygon(x, y, ((-4, -2), (0, -4.4), (4, -2), (4, 2), (0, 4.4), (-4, 2))),
        _polygon(x, y, ((4.4, 0), (-3, 4.2), (-3, -4.2))),
    )
    kind = f"mark look{look % LOOKS}" + (" hollow" if hollow else "")
    return element("g", shapes[look % LOOKS], class_=kind)


def _polygon(x: float, y: float, corners: Sequence[tuple[float, float]]) -> Markup:
    return element("path", d=path_data([(x + dx, y + dy) for dx, dy in corners], closed=True))


Place = Callable[[float], float]


def _frame(panel: Panel, x: Scale, y: Scale, at_x: Place, at_y: Place) -> Markup:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    parts = []
    for value, label in y.ticks.items():
        place = at_y(value)
        parts.append(element("path", class_="grid", d=f"M{_LEFT:g} {place:.2f}H{right:g}"))
        parts.append(element("text", label, class_="tick end", x=_LEFT - 6, y=place + 3.5))
    last = -math.inf
    for value, label in sorted(x.ticks.items()):
        place = at_x(value)
        parts.append(element("path", class_="axis", d=f"M{place:.2f} {bottom:g}v4"))
        if place - last > 6.2 * len(label) + 4:  # labels that would overlap are left out
            parts.append(element("text", label, class_="tick middle", x=place, y=bottom + 16))
            last = place
    for value, label in panel.rules.items():
        place = at_y(value)
        parts.append(element("path", class_="rule", d=f"M{_LEFT:g} {place:.2f}H{right:g}"))
        parts.append(element("text", label, class_="tick end", x=right - 2, y=place - 3))
    parts.append(element("path", class_="axis", d=f"M{_LEFT:g} {bottom:g}H{right:g}"))
    middle = (_LEFT + right) / 2
    parts.append(element("text", panel.x.label, class_="label middle", x=middle, y=HEIGHT - 9))
    turned = f"translate(12 {(_TOP + bottom) / 2:g}) rotate(-90)"
    parts.append(element("text", panel.y.label, class_="label middle", transform=turned))
    if panel.title:
        parts.append(element("text", panel.title, class_="title", x=_LEFT, y=16.0))
    return element("g", *parts)


def _curve(series: Series, at_x: Place, at_y: Place) -> Markup:
    points = [p for p in series.points if math.isfinite(p.y)]
    banded = [p for p in points if p.low is not None and p.high is not None]
    look = f"look{series.look % LOOKS}"
    parts = []
    if series.line and len(banded) > 1:
        upper = [(at_x(p.x), at_y(p.high)) for p in banded]
        lower = [(at_x(p.x), at_y(p.low)) for p in reversed(banded)]
        parts.append(element("path", class_=f"band {look}", d=path_data(upper + lower, True)))
    parts += [
        element(
            "path",
            class_=f"whisker {look}",
            d=f"M{at_x(p.x):.2f} {at_y(p.low):.2f}V{at_y(p.high):.2f}",
        )
        for p in (banded if series.marks else ())
    ]
    if series.line and len(points) > 1:
        data = path_data([(at_x(p.x), at_y(p.y)) for p in points])
        parts.append(element("path", class_=f"line {look}{' dashed' * series.dashed}", d=data))
    for p in points if series.marks else ():
        mark = marker(series.look, at_x(p.x), at_y(p.y), p.hollow)
        parts.append(element("g", element("title", p.note), mark) if p.note else mark)
    return element("g", *parts)
