# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels with one legend, the numbers behind them, and both as files to take away."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from percast.tools.pages.chart import HEIGHT, LOOKS, WIDTH, Panel, marker
from percast.tools.pages.embed import csv_text, text_url
from percast.tools.pages.scales import Scale
from percast.tools.pages.svg import document, element
from percast.tools.pages.templates import render_template

_COLUMNS = 3  # of panels, in the SVG file; on the page as many as fit
_CAPTION, _LEGEND = 24.0, 20.0
_MOST_ROWS = 400  # more numbers than that are in the file only


@dataclass(frozen=True)
class Figure:
    """Curves and the numbers behind them.

    Args:
        name: of the files, without suffix, and its address on the page: no two have the same.
        title: what is shown, in one line.
        panels: drawn in rows; they share the scale of y, so that they can be compared.
        heads, rows: the numbers, in full, as in the CSV file.
        text: below: how to read it.
        source: small print: cells, command, version.
        shared_y: False gives each panel its own.
    """

    name: str
    title: str
    panels: Sequence[Panel]
    heads: Sequence[str]
    rows: Sequence[Sequence[object]]
    text: str = ""
    source: str = ""
    shared_y: bool = True

    def csv(self) -> str:
        """The numbers."""
        return csv_text(self.heads, self.rows)

    def svg(self) -> str:
        """All of it as one SVG file."""
        columns = max(1, min(_COLUMNS, len(self.panels)))
        lines = -(-len(self.panels) // columns)
        width = columns * WIDTH
        legend, legend_height = self._legend_group(width)
        top = _CAPTION + legend_height
        parts = [element("text", self.title, class_="caption", x=8, y=17), legend]
        for index, drawn in enumerate(self._drawn()):
            place = f"translate({index % columns * WIDTH:g} {top + index // columns * HEIGHT:g})"
            parts.append(element("g", drawn, transform=place))
        content = Markup("").join(parts)
        return document(content, width, top + lines * HEIGHT, f"{self.title}. {self.source}")

    def html(self) -> Markup:
        described = [
            {"id": f"{self.name}-{i + 1}", "title": _spoken(self.title, panel), "drawn": drawn}
            for i, (panel, drawn) in enumerate(zip(self.panels, self._drawn(), strict=True))
        ]
        return render_template(
            "figure.html",
            figure=self,
            panels=described,
            box=f"0 0 {WIDTH:g} {HEIGHT:g}",
            legend=[(name, _key(look, dashed)) for name, (look, dashed) in self._legend().items()],
            shown=[[_short(value) for value in row] for row in self.rows[:_MOST_ROWS]],
            left_out=max(0, len(self.rows) - _MOST_ROWS),
            csv_url=text_url(self.csv(), "text/csv"),
            svg_url=text_url(self.svg(), "image/svg+xml"),
        )

    def _drawn(self) -> list[Markup]:
        y = self._shared_scale() if self.shared_y and len(self.panels) > 1 else None
        return [panel.draw(y=y) for panel in self.panels]

    def _shared_scale(self) -> Scale:
        return self.panels[0].y.scale([v for panel in self.panels for v in panel.spans()[1]])

    def _legend(self) -> dict[str, tuple[int, bool]]:
        return {s.name: (s.look, s.dashed) for panel in self.panels for s in panel.series}

    def _legend_group(self, width: float) -> tuple[Markup, float]:
        parts, x, line = [], 8.0, 0
        for name, (look, dashed) in self._legend().items():
            takes = 50 + 6.4 * len(name)
            if x > 8 and x + takes > width:
                x, line = 8.0, line + 1
            y = _CAPTION + _LEGEND * line
            parts.append(element("g", _key(look, dashed), transform=f"translate({x:g} {y:g})"))
            parts.append(element("text", name, class_="label", x=x + 34, y=y + 12))
            x += takes
        return element("g", *parts), _LEGEND * (line + 1) if parts else 0.0


def _key(look: int, dashed: bool) -> Markup:
    """A bit of line with its mark, 30 by 16."""
    kind = f"line look{look % LOOKS}{' dashed' * dashed}"
    return element("path", class_=kind, d="M1 8H29") + marker(look, 15.0, 8.0)


def _spoken(title: str, panel: Panel) -> str:
    names = ", ".join(dict.fromkeys(series.name for series in panel.series))
    head = f"{title}, {panel.title}" if panel.title else title
    return f"{head}: {panel.y.label} against {panel.x.label}. Curves: {names}."


def _short(value: object) -> str:
    if value is None:
        return "\N{EN DASH}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
