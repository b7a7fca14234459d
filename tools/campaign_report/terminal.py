# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's main numbers on a terminal: means and savings at the level to speak of first."""

from percast.tools import terminal
from percast.tools.campaign_report.analysis.conditions import Air, Level
from percast.tools.campaign_report.analysis.examples import headline_level
from percast.tools.campaign_report.analysis.whole import Analysis
from percast.tools.campaign_report.sections import words

_TEXT = ("code", "of")


def print_numbers(analysis: Analysis) -> None:
    """For each channel."""
    for air in analysis.campaign.airs:
        level = headline_level(set(analysis.campaign.levels(air)))
        _print_means(analysis, air, level)
        _print_savings(analysis, air, level)


def _print_means(analysis: Analysis, air: Air, level: Level) -> None:
    metrics = analysis.campaign.metrics
    points = [p for p in analysis.points if (p.condition.air, p.condition.level) == (air, level)]
    rows = [
        (
            p.condition.code.name,
            str(p.condition.cbr),
            f"{p.arrived}/{p.sent}",
            *(words.mean(m, p) for m in metrics),
        )
        for p in points
    ]
    heads = ("code", "cbr", "arrived", *(words.NAMES[m] for m in metrics))
    title = f"{air}, {level}: means over what arrived, [95% interval]"
    terminal.print_table(title, heads, rows, _TEXT)


def _print_savings(analysis: Analysis, air: Air, level: Level) -> None:
    metrics = analysis.campaign.metrics
    here = [s for s in analysis.savings if (s.air, s.level) == (air, level)]
    cells = {
        (s.code.name, s.baseline.name, rate, s.metric): words.saved(at)
        for s in here
        for rate, at in s.rates.items()
    }
    if not cells:
        return
    rows = [
        (
            code,
            f"{baseline} at {rate}",
            *(cells.get((code, baseline, rate, m), "-") for m in metrics),
        )
        for code, baseline, rate in dict.fromkeys(key[:3] for key in cells)
    ]
    heads = ("code", "of", *(f"equal {words.NAMES[m]}" for m in metrics))
    title = f"{air}, {level}: bandwidth saved, {words.AT_LEAST} or <: {words.BEYOND}"
    terminal.print_table(title, heads, rows, _TEXT)
