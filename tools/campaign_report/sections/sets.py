# SPDX-License-Identifier: GPL-3.0-or-later
"""FID and KID."""

from collections import Counter

from percast.engines.metrics.fid import PATCH
from percast.tools.campaign_report.analysis.origin import short
from percast.tools.campaign_report.analysis.whole import Analysis
from percast.tools.campaign_report.sections import words
from percast.tools.pages import Block, Prose, Section, Table

_TEXT = (
    f"Distances of the set of received patches of {PATCH} x {PATCH} from the originals'. FID is "
    "biased upward for small sets and KID is not, hence the different numbers of patches that they "
    "take; KID's interval is by the jackknife over pictures."
)


def sets(analysis: Analysis) -> Section:
    """A table, or why there is none."""
    if not analysis.sets:
        return Section("sets", "FID and KID", [Prose("Not computed: --no-sets.", "note")])
    blocks: list[Block] = [Prose(_TEXT, "note")]
    told = [one for one in analysis.sets if one.fid is not None or one.kid is not None]
    if told:
        rows = [
            (
                one.condition.code.name,
                str(one.condition.air),
                str(one.condition.level),
                str(one.condition.cbr),
                f"{one.patches:,}",
                words.DASH if one.fid is None else f"{one.fid:.2f}",
                words.interval("psnr_db", one.kid),
                short(one.cells),
            )
            for one in told
        ]
        blocks.append(
            Table(
                "FID and KID of each condition",
                ("code", "channel", "level", "CBR", "patches", "FID", "KID x 1000", "cells"),
                rows,
                name="fid-kid",
                source=analysis.origin.line([c for one in told for c in one.cells]),
            )
        )
    why = Counter(one.why_not for one in analysis.sets if one.why_not)
    for text, count in why.most_common():
        few = [one.patches for one in analysis.sets if one.why_not == text]
        span = f"{min(few):,}" if min(few) == max(few) else f"{min(few):,} to {max(few):,}"
        blocks.append(
            Prose(
                f"Not told of {count} of {len(analysis.sets)} conditions: {text}. Of these "
                f"{span} patches of {PATCH} x {PATCH} arrived."
            )
        )
    return Section("sets", "FID and KID", blocks)
