# SPDX-License-Identifier: GPL-3.0-or-later
"""Elements of SVG as text; and SVG files that stand by themselves.

Why not matplotlib's SVG: text stays text (to be read aloud, searched and selected), colours are the
page's (dark, light, print), every point carries its value and its cells as a tooltip, and a panel
takes some 5 kB in place of 40 to 100.
"""

import re

from markupsafe import Markup, escape

from percast.tools.pages.templates import text_of


def element(name: str, *children: object, **attributes: object) -> Markup:
    """<name attributes>children</name>; None leaves an attribute out.

    Args:
        children: text, which is escaped, or elements.
        attributes: with "_" for "-", and "class_" for "class"; floats get two decimals.
    """
    parts = [
        f' {key.rstrip("_").replace("_", "-")}="{_text(value)}"'
        for key, value in attributes.items()
        if value is not None
    ]
    inner = Markup("").join(children)
    return Markup(f"<{name}{''.join(parts)}>{inner}</{name}>")


def path_data(points: list[tuple[float, float]], closed: bool = False) -> str:
    """Of a line through points."""
    steps = [f"{'ML'[i > 0]}{_text(x)} {_text(y)}" for i, (x, y) in enumerate(points)]
    return "".join(steps) + ("Z" if closed else "")


def document(content: Markup, width: float, height: float, title: str) -> str:
    """An SVG file: on white, its style within it, without CSS variables, which few programs that
    draw SVG know."""
    style = text_of("chart.css")
    values = dict(re.findall(r"(--[\w-]+):\s*([^;]+);", style.partition("@media")[0]))
    plain = re.sub(r"var\((--[\w-]+)\)", lambda found: values[found[1]], style)
    rules = re.sub(r"@media.*?\{.*?\}\s*\}|:root\s*\{.*?\}|/\*.*?\*/", "", plain, flags=re.DOTALL)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="{_text(width)}" '
        f'height="{_text(height)}" viewBox="0 0 {_text(width)} {_text(height)}">'
        f"<title>{escape(title)}</title><style>{rules.strip()}</style>"
        f'<rect width="100%" height="100%" fill="#fff"/>{content}</svg>\n'
    )


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
    return str(escape(value))
