# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels that move: what arrives, and how good it is, against Doppler and delay spread."""

from dataclasses import dataclass

from percast.tools.campaign_report.analysis.conditions import Level
from percast.tools.campaign_report.analysis.examples import headline_level, nearest_rate
from percast.tools.campaign_report.analysis.means import Point as Mean
from percast.tools.campaign_report.analysis.whole import Analysis
from percast.tools.campaign_report.sections import words
from percast.tools.campaign_report.sections.curves import Plot, figure
from percast.tools.pages import Axis, Block, Prose, Section


@dataclass(frozen=True, order=True)
class _Echoes:
    """A panel: a delay spread at a level."""

    level: Level
    delay_spread_s: float

    def __str__(self) -> str:
        if self.delay_spread_s < 0:
            return str(self.level)
        return f"{self.level}, {self.delay_spread_s * 1e9:g} ns"


def mobility(analysis: Analysis) -> Section | None:
    """For each channel model that was measured at more than one Doppler."""
    blocks: list[Block] = []
    for channel in dict.fromkeys(air.channel for air in analysis.campaign.airs):
        points = [
            p
            for p in analysis.points
            if p.condition.air.channel == channel and p.condition.air.doppler_hz >= 0
        ]
        dopplers = sorted({p.condition.air.doppler_hz for p in points})
        if len(dopplers) > 1:
            blocks += _figures(analysis, channel.upper(), points, dopplers)
    if not blocks:
        return None
    text = "Lost pictures count as grey ones, where that is known."
    return Section("mobility", "Against Doppler", [Prose(text, "note"), *blocks])


def _figures(
    analysis: Analysis, channel: str, points: list[Mean], dopplers: list[float]
) -> list[Block]:
    cbr = nearest_rate([p.condition.cbr for p in points])
    points = [p for p in points if p.condition.cbr == cbr]
    headline = headline_level({p.condition.level for p in points})
    spreads = sorted({p.condition.air.delay_spread_s for p in points})
    ticks = {hz: words.plain(hz) for hz in dopplers}
    values = {"share_arrived": lambda p: p.share}
    for metric in analysis.campaign.metrics[:1]:
        values[metric] = lambda p, m=metric: p.figures[m].filled or p.figures[m].arrived
    return [
        figure(
            Plot(
                name=words.slug(f"{metric} against doppler {channel}"),
                title=f"{_capital(words.NAMES[metric])} against Doppler, {channel}, CBR {cbr}",
                x=lambda p: p.condition.air.doppler_hz,
                x_axis=Axis("maximum Doppler frequency, Hz", ticks=ticks),
                y_axis=words.SHARE_AXIS if metric == "share_arrived" else words.metric_axis(metric),
                panel=lambda p: _Echoes(p.condition.level, p.condition.air.delay_spread_s),
                headline=_Echoes(headline, spreads[-1]),
                value=value,
                metric=metric,
                most_panels=12,
            ),
            points,
            words.looks(analysis.campaign),
            analysis.origin,
        )
        for metric, value in values.items()
    ]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
