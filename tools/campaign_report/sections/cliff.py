# SPDX-License-Identifier: GPL-3.0-or-later
"""The cliff: what arrives as the channel gets worse, and what that does to the pictures."""

from collections import Counter

from percast.tools.campaign_report.analysis.examples import nearest_rate
from percast.tools.campaign_report.analysis.means import Point as Mean
from percast.tools.campaign_report.analysis.whole import Analysis
from percast.tools.campaign_report.sections import words
from percast.tools.campaign_report.sections.curves import Plot, figure
from percast.tools.campaign_report.sections.quality import AtRate, snr_axis, snr_of
from percast.tools.pages import Axis, Block, Folded, Prose, Section, Table
from percast.tools.statistics.bootstrap import Interval
from percast.tools.statistics.rate_curves import HIGHER_IS_BETTER


def cliff(analysis: Analysis) -> Section:
    """Share that arrived and metrics with the lost ones, against SNR; and why they were lost."""
    blocks: list[Block] = [Prose(_text(analysis), "note")]
    many = len(analysis.campaign.airs) > words.MANY_AIRS
    for air in analysis.campaign.airs:
        points = [p for p in analysis.points if p.condition.air == air]
        if len({p.condition.level for p in points}) > 1:
            drawn = _figures(analysis, air, points)
            blocks += [Folded(str(air), drawn)] if many else drawn
    blocks.append(_losses(analysis))
    return Section("cliff", "What arrives: the cliff", blocks)


def _text(analysis: Analysis) -> str:
    if not any(p.arrived < p.sent for p in analysis.points):
        return "Every picture arrived, under every condition."
    if analysis.grey_known:
        return (
            "Here a lost picture is not left out: it counts as a picture of mid grey, which is "
            "what a receiver can show without having received anything. Intervals of shares are "
            "Clopper and Pearson's where all or none arrived."
        )
    return (
        "Pictures were lost, and what a grey picture in their place would have is not known here "
        "(its metrics' weights are missing, or --lost aside). Metrics are left out where any "
        "picture was lost."
    )


def _figures(analysis: Analysis, air, points: list[Mean]) -> list[Block]:
    looks, origin = words.looks(analysis.campaign), analysis.origin
    headline = AtRate(nearest_rate([p.condition.cbr for p in points]))

    def plot(metric: str, title: str, axis: Axis, value) -> Block:
        return figure(
            Plot(
                name=words.slug(f"{metric} cliff {air}"),
                title=f"{title}, {air}",
                x=snr_of,
                x_axis=snr_axis(points),
                y_axis=axis,
                panel=lambda p: AtRate(p.condition.cbr),
                headline=headline,
                value=value,
                metric=metric,
            ),
            points,
            looks,
            origin,
        )

    blocks = [
        plot("share_arrived", "Share of pictures that arrived", words.SHARE_AXIS, lambda p: p.share)
    ]
    if all(p.arrived == p.sent for p in points):
        return blocks  # metrics are those of the sections above, then
    for metric in analysis.campaign.metrics:
        if metric in HIGHER_IS_BETTER and metric != "psnr_db":
            continue
        how = "with lost pictures counted as grey" if analysis.grey_known else "where all arrived"
        title = f"{words.NAMES[metric]} {how}"
        if any(_filled(p, metric) for p in points):
            blocks.append(plot(metric, title, words.metric_axis(metric), _with(metric)))
    return blocks


def _with(metric: str):
    return lambda p: _filled(p, metric)


def _filled(p: Mean, metric: str) -> Interval | None:
    return p.figures[metric].filled or (p.figures[metric].arrived if p.arrived == p.sent else None)


def _losses(analysis: Analysis) -> Block:
    """Pictures lost, by code, air and reason."""
    sent, lost, reasons = Counter(), Counter(), {}
    cells: dict[tuple, list[int]] = {}
    for p in analysis.points:
        key = (p.condition.code.name, str(p.condition.air))
        sent[key] += p.sent
        lost[key] += p.sent - p.arrived
        reasons.setdefault(key, Counter()).update(p.reasons)
        cells.setdefault(key, []).extend(p.cells)
    rows = [
        (
            *key,
            sent[key],
            lost[key],
            "; ".join(_times(why, count) for why, count in reasons[key].most_common(4))
            or words.DASH,
        )
        for key in sent
    ]
    return Table(
        "Pictures lost, over all levels and rates",
        ("code", "channel", "sent", "lost", "why"),
        rows,
        name="lost",
        left=("channel", "why"),
        source=analysis.origin.line([c for some in cells.values() for c in some]),
    )


def _times(why: str, count: int) -> str:
    return f"{'once' if count == 1 else f'{count:,} times'}: {why}"
