# SPDX-License-Identifier: GPL-3.0-or-later
"""The look that reports share: one HTML file that needs no network, no server and no other file.

A `Page` has `Section`s, and these have blocks: `Prose`, `Facts`, `Table`, `Figure` (panels of
curves, drawn as SVG, with their numbers), `Comparison` (pictures under a slider), `Folded`.

    page = Page("Title", "What it is", [Section("results", "Results", [Prose("Few words.")])])
    write_page(path, page)

- `page`: the file; `templates`: of its HTML; `blocks`: what sections are made of
- `figure`, of panels (`chart`) with their `scales`, as `svg`: curves with their numbers
- `comparison`: pictures under a slider; `embed`: files within the page
"""

from percast.tools.pages.blocks import Block, Facts, Folded, Prose, Table
from percast.tools.pages.chart import Axis, Panel, Point, Series
from percast.tools.pages.comparison import Comparison, Layer
from percast.tools.pages.figure import Figure
from percast.tools.pages.page import Page, Section, render, write_page

__all__ = [
    "Axis",
    "Block",
    "Comparison",
    "Facts",
    "Figure",
    "Folded",
    "Layer",
    "Page",
    "Panel",
    "Point",
    "Prose",
    "Section",
    "Series",
    "Table",
    "render",
    "write_page",
]
