# SPDX-License-Identifier: GPL-3.0-or-later
"""How the numbers were made, and all that was written down with them."""

import json
from collections.abc import Mapping
from typing import Any

from percast.tools.campaign_report.analysis.origin import ranges
from percast.tools.campaign_report.analysis.whole import Analysis
from percast.tools.pages import Block, Facts, Folded, Prose, Section, Table
from percast.tools.statistics.bootstrap import LEAST_CLUSTERS


def methods(analysis: Analysis) -> Section:
    """What each number means."""
    draws = analysis.draws
    text = [
        (
            f"Intervals hold {draws.confidence:.0%}. They are bootstrapped by picture: "
            f"{draws.resamples:,} times {draws.clusters} pictures are drawn with replacement, each "
            "with all that was measured of it, under every condition and in every repeat (Davison "
            "and Hinkley 1997, section 3.8; Field and Welsh 2007). All numbers come from the same "
            "draws, so that comparisons are paired. Percentiles are moved outward for the small "
            "number of pictures (Hesterberg 2015, the expanded percentile interval); with fewer "
            f"than {LEAST_CLUSTERS} pictures there is no interval. They tell what other pictures "
            "like these would have given, not what another channel or model would have."
        ),
        ("A share that is 0 or 100% has the interval of Clopper and Pearson (1934) over pictures."),
        (
            "A mean over the pictures that arrived is always told with the share that arrived. "
            + (
                "Where codes are compared, a lost picture counts as one of mid grey, so that a "
                "code gains nothing by losing difficult pictures."
                if analysis.grey_known
                else "Points that lost any picture are left out where codes or campaigns are "
                "compared by a metric, for which it is not known what a grey picture has."
            )
        ),
        (
            "Bandwidth at equal quality: the logarithm of the rate over the metric by the monotone "
            "piecewise cubic of Fritsch and Butland (1984) through the means, and never beyond the "
            "rates that were measured. The mean over what both reach is Bjontegaard's delta rate "
            "(VCEG-M33), with that cubic."
        ),
        (
            "The channel bandwidth ratio counts complex symbols per source sample (three a pixel), "
            "without preamble, header, pilots and prefix, which are the same for all codes. SNR is "
            "Es/N0 on each occupied subcarrier, mean over the fading."
        ),
    ]
    return Section("methods", "How the numbers were made", [Prose(text)])


def record(analysis: Analysis) -> Section:
    """All that was frozen with the results."""
    campaign = analysis.campaign
    plan, rest = _plan_of(campaign.frozen)
    facts = {
        "store": campaign.path,
        "cells": ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in campaign.counts.items()),
        "this report": str(analysis.origin.reported).replace("`", ""),
        **({f"decoding {campaign.decode}": _text(campaign.passed)} if campaign.decode else {}),
        **{name.replace("_", " "): _text(value) for name, value in rest.items()},
    }
    blocks: list[Block] = [Facts(facts)]
    if plan is not None:
        blocks.append(Folded("The plan", [Facts({"plan": plan.strip()})], open=True))
    blocks.append(Folded("The conditions, with all their cells", [_conditions(analysis)]))
    names = [f"{name} ({sha[:12]})" for sha, name in campaign.pictures.items()]
    shown = ", ".join(names[:200]) + (f" and {len(names) - 200} more" if len(names) > 200 else "")
    blocks.append(Folded(f"The {len(names)} pictures, with their SHA-256", [Prose(shown)]))
    return Section("record", "Record", blocks)


def _conditions(analysis: Analysis) -> Table:
    points = sorted(analysis.points, key=lambda p: p.number)
    rows = [(p.number, str(p.condition), ranges(p.cells)) for p in points]
    return Table(
        "Conditions",
        ("number", "condition", "cells"),
        rows,
        name="conditions",
        left=("condition", "cells"),
    )


def _plan_of(frozen: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The plan's text, and the rest; the plan as it was parsed is told where it differs, by what
    was set on the command line, which is in the command."""
    rest = dict(frozen)
    plan = rest.pop("plan", None) or {}
    return plan.get("toml"), rest


def _text(value: Any) -> str:
    """Lines of "name: value"."""
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {_inner(inner)}" for key, inner in value.items())
    return _inner(value)


def _inner(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
