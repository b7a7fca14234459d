# SPDX-License-Identifier: GPL-3.0-or-later
"""All numbers of a report."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import percast
from percast.tools import terminal
from percast.tools.campaign.store import Store
from percast.tools.campaign_report.analysis import examples, link, lost, means
from percast.tools.campaign_report.analysis.changes import Comparison, compare
from percast.tools.campaign_report.analysis.conditions import Code
from percast.tools.campaign_report.analysis.measured import Campaign, load
from percast.tools.campaign_report.analysis.origin import By, Origin
from percast.tools.campaign_report.analysis.savings import Saving, baselines, savings
from percast.tools.campaign_report.analysis.sets import Needs, SetDistance, distances
from percast.tools.campaign_report.config import ReportConfig
from percast.tools.statistics.bootstrap import ClusterBootstrap

FEW_PICTURES = 10
"""With fewer, intervals hold less often than they say."""


@dataclass(frozen=True)
class Analysis:
    """What a report is made of.

    Attributes:
        campaign: what was measured.
        draws: of the bootstrap.
        origin: of every number.
        points: of every condition.
        savings: of every code against `baselines`.
        health, over_time: of the link.
        shown: pictures to look at.
        sets: FID and KID; empty where not asked for.
        comparison: with another campaign; None where not asked for.
        grey_known: whether every lost picture counts as grey where codes are compared.
    """

    campaign: Campaign
    draws: ClusterBootstrap
    origin: Origin
    points: list[means.Point]
    baselines: list[Code]
    savings: list[Saving]
    health: list[link.Health]
    over_time: dict[str, dict[Code, list[link.Span]]]
    shown: list[examples.Shown]
    sets: list[SetDistance]
    comparison: Comparison | None
    grey_known: bool

    def json(self) -> dict[str, Any]:
        """What `--json` prints."""
        campaign = self.campaign
        return {
            "store": campaign.path,
            "decode": campaign.decode,
            "measured_by": asdict(self.origin.measured),
            "sent_by": asdict(self.origin.sent or self.origin.measured),
            "reported_by": asdict(self.origin.reported),
            "interval": {
                "confidence": self.draws.confidence,
                "method": "expanded percentile bootstrap, clustered by picture",
                "resamples": self.draws.resamples,
                "seed": self.draws.seed,
                "pictures": self.draws.clusters,
            },
            "cells": dict(campaign.counts),
            "decoding": dict(campaign.passed) or None,
            "lost_as_grey": self.grey_known,
            "points": [point.json() for point in self.points],
            "savings": [saving.json() for saving in self.savings],
            "link": [health.json() for health in self.health],
            "sets": [distance.json() for distance in self.sets],
            "comparison": self.comparison and self.comparison.json(),
            "frozen": dict(campaign.frozen),
        }


def analyse(store: Store, config: ReportConfig, other: Store | None = None) -> Analysis:
    """Everything, of a store that is open.

    Args:
        other: to compare with.

    Raises:
        FileError: a store cannot be read, or nothing is done in it.
        ModelError: damaged weights of a metric.
    """
    campaign = load(store, config.decode)
    grey: lost.Figures = {}
    grey_known = _fill(campaign, store, config, grey)
    draws = ClusterBootstrap(len(campaign.pictures), config.resamples, config.seed)
    against = baselines(campaign)
    return Analysis(
        campaign=campaign,
        draws=draws,
        origin=_origin(campaign),
        points=means.points(campaign, draws),
        baselines=against,
        savings=savings(campaign, draws, against),
        health=link.health(campaign),
        over_time=link.over_time(campaign),
        shown=examples.shown(campaign),
        sets=_sets(campaign, store, config) if config.sets else [],
        comparison=_compared(campaign, other, config, draws, grey) if other else None,
        grey_known=grey_known,
    )


def _fill(campaign: Campaign, store: Store, config: ReportConfig, grey: lost.Figures) -> bool:
    """Counts lost pictures as grey ones; False where that is not wanted or cannot be."""
    pictures = lost.lost_pictures(campaign)
    if config.lost == "aside":
        return not pictures
    with terminal.progress_bar("lost pictures", len(pictures)) as on_progress:
        lost.grey_figures(campaign, store.reference, config.threads, grey, on_progress)
    return lost.fill(campaign, grey)


def _sets(campaign: Campaign, store: Store, config: ReportConfig) -> list[SetDistance]:
    with terminal.progress_bar("FID and KID", len(campaign.conditions)) as on_progress:
        return distances(
            campaign, store.picture, store.reference, config.threads, Needs(), on_progress
        )


def _compared(
    campaign: Campaign,
    other: Store,
    config: ReportConfig,
    draws: ClusterBootstrap,
    grey: lost.Figures,
) -> Comparison:
    before = load(other, _like(campaign, other))
    _fill(before, other, config, grey)
    return compare(campaign, before, draws)


def _like(campaign: Campaign, other: Store) -> int:
    """The other's decoding with the same settings, for numbers are by the order in which each was
    made; where it has none, that of the same number."""
    if not campaign.decode:
        return 0
    wanted = _settings(campaign.passed)
    alike = [
        p["decode"] for p in other.passes() if p["decode"] and _settings(p["settings"]) == wanted
    ]
    return alike[0] if alike and campaign.decode not in alike else campaign.decode


def _settings(passed: Mapping[str, Any]) -> tuple:
    names = ("realism", "model", "engine")
    return (*(passed.get(name) for name in names), sorted(passed.get("metrics", ())))


def _origin(campaign: Campaign) -> Origin:
    run = By.of(campaign.frozen)
    reported = By(percast.__version__, shlex.join(["percast", *sys.argv[1:]]))
    if not campaign.decode:
        return Origin(run, reported)
    return Origin(By.of(campaign.passed), reported, sent=run)
