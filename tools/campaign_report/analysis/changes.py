# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed between two campaigns, and whether the intervals say so.

Conditions that both have are compared over the pictures that both sent, paired by picture.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from percast.tools.campaign_report.analysis.conditions import Condition
from percast.tools.campaign_report.analysis.measured import Campaign, Measured
from percast.tools.campaign_report.analysis.origin import ranges
from percast.tools.statistics.bootstrap import ClusterBootstrap, Floats
from percast.tools.statistics.differences import Difference, difference, discovered
from percast.tools.statistics.rate_curves import HIGHER_IS_BETTER
from percast.tools.statistics.shares import least_p_value

ARRIVED = "share_arrived"
"""Among the metrics: the share of pictures that came out."""


@dataclass(frozen=True)
class Change:
    """Of one metric under one condition.

    Attributes:
        condition: of this campaign.
        metric: or `ARRIVED`.
        difference: this campaign's less the other's.
        verdict: "better", "worse", or "no change shown".
        alone: the same if this were the only comparison.
        cells, other_cells: of both stores.
        number: of the condition, in this store.
    """

    condition: Condition
    metric: str
    difference: Difference
    verdict: str
    alone: str
    cells: list[int]
    other_cells: list[int]
    number: int

    def json(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            **self.condition.key(),
            "metric": self.metric,
            "before": self.difference.before,
            "after": self.difference.after,
            "change": self.difference.change._asdict(),
            "pictures": self.difference.clusters,
            "p_value": self.difference.p_value,
            "verdict": self.verdict,
            "verdict_alone": self.alone,
            "cells": ranges(self.cells),
            "cells_before": ranges(self.other_cells),
        }


@dataclass(frozen=True)
class Comparison:
    """Two campaigns.

    Attributes:
        path: of the other store.
        decode: of its decoding.
        record: what differs in their records: name -> (other, this).
        changes: of all that both measured.
        only_here, only_there: conditions without a partner.
        pictures: that both sent.
    """

    path: str
    decode: int
    record: dict[str, tuple[Any, Any]]
    changes: list[Change]
    only_here: list[str]
    only_there: list[str]
    pictures: int

    def json(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "against": self.path,
            "decode_before": self.decode,
            "record": {k: {"before": a, "after": b} for k, (a, b) in self.record.items()},
            "pictures": self.pictures,
            "changes": [change.json() for change in self.changes],
            "only_here": self.only_here,
            "only_there": self.only_there,
        }


def compare(campaign: Campaign, other: Campaign, draws: ClusterBootstrap) -> Comparison:
    """This campaign beside an earlier one.

    Args:
        draws: of as many clusters as this campaign has pictures.
    """
    partners = {_key(c): c for c in other.conditions}
    places = {sha: place for place, sha in enumerate(other.pictures)}
    order = [places.get(sha, -1) for sha in campaign.pictures]
    found: list[Change] = []
    paired = set()
    for condition, measured in campaign.conditions.items():
        partner = partners.get(_key(condition))
        if partner is None:
            continue
        paired.add(partner)
        found += _changes(condition, measured, other.conditions[partner], order, draws)
    real = discovered([change.difference.p_value for change in found])
    changes = [
        change if yes else replace(change, verdict="no change shown")
        for change, yes in zip(found, real, strict=True)
    ]
    return Comparison(
        path=other.path,
        decode=other.decode,
        record=differing(*({**c.frozen, "decoding": c.passed} for c in (other, campaign))),
        changes=changes,
        only_here=[str(c) for c in campaign.conditions if _key(c) not in partners],
        only_there=[str(c) for c in other.conditions if c not in paired],
        pictures=sum(place >= 0 for place in order),
    )


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Leaves of two records that differ, by their paths."""
    flat = [_flat(record) for record in (before, after)]
    names = sorted({*flat[0], *flat[1]})
    both = {name: (flat[0].get(name), flat[1].get(name)) for name in names}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


def _key(condition: Condition) -> tuple:
    """Codes have the same name in two campaigns only if they were compared with the same ones."""
    code = condition.code
    return (
        (code.codec, code.model, code.realism, code.told), condition.air, condition.level,
        condition.cbr,
    )  # fmt: skip


def _changes(
    condition: Condition,
    after: Measured,
    before: Measured,
    order: list[int],
    draws: ClusterBootstrap,
) -> list[Change]:
    def matched(values: Floats) -> Floats:
        return np.array([values[place] if place >= 0 else 0.0 for place in order])

    pairs = {ARRIVED: ((before.arrived, before.sent), (after.arrived, after.sent))}
    for metric in after.sums:
        if metric in before.filled and metric in after.filled:
            pairs[metric] = (before.filled[metric], after.filled[metric])
        elif (
            before.all_arrived and after.all_arrived
        ):  # else those that arrive may be the easy ones
            pairs[metric] = (
                (before.sums[metric], before.counts[metric]),
                (after.sums[metric], after.counts[metric]),
            )
    changes = []
    for metric, (first, second) in pairs.items():
        moved = difference(draws, tuple(map(matched, first)), second)
        if moved is not None:
            if metric == ARRIVED:
                surest = max(moved.p_value, least_p_value(moved.clusters))
                moved = replace(moved, p_value=surest)
            word = _verdict(metric, moved)
            changes.append(
                Change(
                    condition, metric, moved, word, word, after.cells, before.cells, after.number
                )
            )
    return changes


def _verdict(metric: str, moved: Difference) -> str:
    low, high = moved.change.low, moved.change.high
    if low is None or high is None or low <= 0 <= high:
        return "no change shown"
    more_is_better = metric == ARRIVED or metric in HIGHER_IS_BETTER
    return "better" if (low > 0) == more_is_better else "worse"


def _flat(record: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{path}{key}.")
        elif isinstance(value, list) and all(isinstance(v, Mapping) for v in value) and value:
            for number, inner in enumerate(value, 1):
                flat |= _flat(inner, f"{path}{key}.{number}.")
        else:
            flat[path + str(key)] = value
    return flat
