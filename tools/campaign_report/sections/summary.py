# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reader should know who reads nothing else."""

from percast.tools.campaign_report.analysis.examples import headline_level, nearest_rate
from percast.tools.campaign_report.analysis.measured import Campaign
from percast.tools.campaign_report.analysis.origin import short
from percast.tools.campaign_report.analysis.savings import Saving
from percast.tools.campaign_report.analysis.whole import FEW_PICTURES, Analysis
from percast.tools.campaign_report.sections import words
from percast.tools.campaign_report.sections.saved import why_none
from percast.tools.pages import Block, Facts, Prose, Section

_PERCEPTUAL = ("lpips", "lpips_vgg", "dists")


def summary(analysis: Analysis) -> Section:
    """The savings at the headline's condition, what was measured, and what to be careful with."""
    blocks: list[Block] = []
    headline = _headline(analysis)
    if headline:
        first, rate = headline[0]
        tiles = {
            f"bandwidth saved at equal {words.NAMES[s.metric]}": (
                words.saved_headline(s.rates[rate]),
                _and_mean(words.saved_interval(s.rates[rate]), s),
            )
            for s, rate in headline
        }
        blocks.append(Facts(tiles, large=True))
        blocks.append(
            Prose(
                f"Savings of {first.code.name} for the quality that {first.baseline.name} has at "
                f"{rate}: {first.air}, {first.level}. From {short(first.cells, first.numbers)}."
            )
        )
    else:
        blocks.append(Prose(why_none(analysis)))
    blocks.append(Facts(_measured(analysis)))
    blocks += [Prose(text, "warning") for text in _careful(analysis)]
    return Section("summary", "Summary", blocks)


def _headline(analysis: Analysis) -> list[tuple[Saving, object]]:
    """Savings by perceptual metrics of the first code against the first baseline, in the first
    channel, at the level and rate to speak of first."""
    if not analysis.savings:
        return []
    air = next(a for a in analysis.campaign.airs if any(s.air == a for s in analysis.savings))
    here = [s for s in analysis.savings if s.air == air]
    level = headline_level({s.level for s in here})
    here = [s for s in here if s.level == level]
    code, baseline = here[0].code, here[0].baseline
    here = [s for s in here if (s.code, s.baseline) == (code, baseline)]
    wanted = [s for s in here if s.metric in _PERCEPTUAL] or here
    rate = nearest_rate(list(wanted[0].rates))
    return [(s, rate) for s in wanted if rate in s.rates]


def _and_mean(text: str, saving: Saving) -> str:
    """With the mean over all rates, which has an interval even where one rate lies beyond."""
    if saving.mean is None:
        return text
    return f"{text}. On average over what both reach: {words.saved_mean(saving.mean)}"


def _measured(analysis: Analysis) -> dict[str, str]:
    campaign, points = analysis.campaign, analysis.points
    levels = sorted({p.condition.level for p in points})
    rates = sorted({p.condition.cbr for p in points})
    sent, arrived = sum(p.sent for p in points), sum(p.arrived for p in points)
    cells, done = campaign.counts["cells"], campaign.counts["cells_done"]
    known, how = (
        (f"the run's {cells:,}", f"are in decoding {campaign.decode}") if campaign.decode
        else (f"{cells:,}", "done")
    )  # fmt: skip
    return {
        "codes": "; ".join(code.name for code in campaign.codes),
        "channels": "; ".join(map(str, campaign.airs)),
        "levels": ", ".join(map(str, levels)),
        "channel bandwidth ratios": ", ".join(map(str, rates)),
        "pictures": f"{len(campaign.pictures)}, {_under_each(campaign)}",
        "cells": f"{done:,} of {known} {how}; {arrived:,} of {sent:,} pictures came out",
    }


def _under_each(campaign: Campaign) -> str:
    """How many of the pictures each condition has."""
    if campaign.same_pictures:
        return "the same under every condition"
    least, most = campaign.pictures_each
    return f"of which each condition has {least} to {most}"


def _careful(analysis: Analysis) -> list[str]:
    """What limits what can be concluded."""
    campaign = analysis.campaign
    notes = []
    missing = campaign.counts["cells"] - campaign.counts["cells_done"]
    if missing and not campaign.decode:
        notes.append(
            f"{missing:,} cells are not done: `percast campaign resume` goes on with them."
        )
    if not campaign.same_pictures:
        again = f"`{analysis.origin.measured.command}`, which goes on where it was cut off"
        least, most = campaign.pictures_each
        notes.append(
            f"Conditions do not have the same pictures, but {least} to {most} of "
            f"{len(campaign.pictures)} each: means are over different ones, and only bandwidth "
            "saved is over those that all points have."
            + (f" If decoding {campaign.decode} is not whole: {again}." if campaign.decode else "")
        )
    if len(campaign.pictures) < FEW_PICTURES:
        notes.append(
            f"Over only {len(campaign.pictures)} pictures: intervals of so few hold less often "
            "than they say."
        )
    unmeasured = [words.NAMES[m] for m in _PERCEPTUAL if m not in campaign.metrics]
    if unmeasured:
        notes.append(f"Not measured: {', '.join(unmeasured)}.")
    if partly := _partly(analysis):
        notes.append(
            f"Not measured of all pictures that came out: {'; '.join(partly)}. Means are over "
            "those that have the metric, and codes are compared over those that have it everywhere."
        )
    if not analysis.grey_known:
        notes.append(
            "Pictures were lost, and what grey ones in their place would have is not known: points "
            "that lost any are left out of comparisons."
        )
    return notes


def _partly(analysis: Analysis) -> list[str]:
    """Metrics that some pictures lack which came out."""
    arrived = sum(p.arrived for p in analysis.points)
    told = []
    for metric in analysis.campaign.metrics:
        measured = sum(p.figures[metric].measured for p in analysis.points)
        if measured < arrived:
            told.append(f"{words.NAMES[metric]} of {measured:,} of {arrived:,}")
    return told
