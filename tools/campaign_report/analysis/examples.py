# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures to look at: of each code the best, the median and the worst, chosen by a metric alone.

One condition of each air, of three airs at most, is shown: the level nearest to 10 dB (of gains the
middle one), at the rate nearest to 1/48 that most codes were measured at. Nobody's eye chose
anything.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from percast.tools.campaign.tables.rows import delivered
from percast.tools.campaign_report.analysis.conditions import Air, Code, Level
from percast.tools.campaign_report.analysis.measured import Campaign, Row
from percast.tools.statistics.rate_curves import HIGHER_IS_BETTER

MOST_AIRS = 3
NEAR_CBR = Fraction(1, 48)
NEAR_DB = 10.0


@dataclass(frozen=True)
class Example:
    """A picture under one condition, by all codes.

    Attributes:
        picture: SHA-256.
        why: as "best of percast".
        rows: code -> its row, the first repeat.
    """

    picture: str
    why: list[str] = field(default_factory=list)
    rows: dict[Code, Row] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """A condition and its examples.

    Attributes:
        air, level, cbr: the condition.
        metric: that chose.
        examples: at most three for each code.
    """

    air: Air
    level: Level
    cbr: Fraction
    metric: str
    examples: list[Example]


def shown(campaign: Campaign) -> list[Shown]:
    """For each air; none where nothing arrived that has the metric."""
    found = []
    for air in _some(campaign.airs):
        here = {c: m for c, m in campaign.conditions.items() if c.air == air and m.arrived.any()}
        if not here or not campaign.metrics:
            continue
        level = headline_level({c.level for c in here})
        rates = Counter(c.cbr for c in here if c.level == level)
        most = max(rates.values())
        cbr = nearest_rate([rate for rate, codes in rates.items() if codes == most])
        metric = campaign.metrics[0]
        rows = {c.code: m.rows for c, m in here.items() if (c.level, c.cbr) == (level, cbr)}
        if examples := _examples(rows, metric):
            found.append(Shown(air, level, cbr, metric, examples))
    return found


def _some(airs: list[Air]) -> list[Air]:
    """The first, the middle one and the last."""
    if len(airs) <= MOST_AIRS:
        return airs
    return [airs[0], airs[len(airs) // 2], airs[-1]]


def headline_level(levels: set[Level]) -> Level:
    """The level to speak of first: nearest to 10 dB, of gains the middle one."""
    ordered = sorted(levels)
    if ordered[0].kind == "snr":
        return min(ordered, key=lambda level: abs(level.db - NEAR_DB))
    return ordered[len(ordered) // 2]


def nearest_rate(rates: list[Fraction]) -> Fraction:
    """The rate to speak of first: nearest to 1/48 by its logarithm."""
    return min(rates, key=lambda rate: abs(math.log(rate / NEAR_CBR)))


def _examples(rows: dict[Code, list[Row]], metric: str) -> list[Example]:
    examples: dict[str, Example] = {}
    for code, some in rows.items():
        scored = {}
        for row in some:
            if delivered(row) and row[metric] is not None:
                scored.setdefault(row["picture_sha256"], row)
        better = metric in HIGHER_IS_BETTER
        ranked = sorted(scored, key=lambda sha: scored[sha][metric], reverse=better)
        if not ranked:
            continue
        places = {"best": 0, "median": (len(ranked) - 1) // 2, "worst": len(ranked) - 1}
        for word, place in places.items():
            example = examples.setdefault(ranked[place], Example(ranked[place]))
            example.why.append(f"{word} of {code.name}")
    for sha, example in examples.items():
        for code, some in rows.items():
            mine = [row for row in some if row["picture_sha256"] == sha]
            # The repeat that was scored, else one that says why there is no picture.
            mine.sort(key=lambda row: (not delivered(row), row["repeat"], row["cell"]))
            if mine:
                example.rows[code] = mine[0]
    return list(examples.values())
