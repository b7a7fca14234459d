# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a campaign."""

from datetime import UTC, datetime
from pathlib import Path

from percast.tools.campaign.store import Store
from percast.tools.campaign_report.analysis.link import minutes
from percast.tools.campaign_report.analysis.whole import Analysis
from percast.tools.campaign_report.sections import (
    changes,
    cliff,
    health,
    mobility,
    pictures,
    quality,
    record,
    saved,
    sets,
    summary,
    words,
)
from percast.tools.pages import Page


def page_of(analysis: Analysis, store: Store, most_megabytes: float) -> Page:
    """All sections that have something to say.

    Args:
        store: for its pictures.
        most_megabytes: of them.
    """
    sections = [
        summary.summary(analysis),
        changes.changes(analysis),
        saved.saved(analysis),
        quality.against_rate(analysis),
        quality.against_snr(analysis),
        cliff.cliff(analysis),
        mobility.mobility(analysis),
        pictures.pictures(analysis, store, 1e6 * most_megabytes),
        sets.sets(analysis),
        health.health(analysis),
        quality.all_means(analysis),
        record.methods(analysis),
        record.record(analysis),
    ]
    campaign, origin = analysis.campaign, analysis.origin
    return Page(
        title=f"Campaign {_name(analysis)}{_decoding(analysis)}",
        lead=_lead(analysis),
        sections=[section for section in sections if section is not None],
        about={
            "measured" if origin.sent is None else "sent": _when(analysis),
            **({} if origin.sent is None else {"sent by": str(origin.sent).replace("`", "")}),
            "by" if origin.sent is None else "decoded by": f"percast {origin.measured.percast}",
            "command": origin.measured.command,
            "store": Path(campaign.path).name,
        },
    )


def _decoding(analysis: Analysis) -> str:
    decode = analysis.campaign.decode
    return f", decoding {decode}" if decode else ""


def _name(analysis: Analysis) -> str:
    plan = analysis.campaign.frozen.get("plan") or {}
    return str(plan.get("name") or Path(analysis.campaign.path).stem)


def _lead(analysis: Analysis) -> str:
    campaign = analysis.campaign
    codes = [code.name for code in campaign.codes]
    listed = ", ".join(codes[:-1]) + (" and " if codes[:-1] else "") + codes[-1]
    note = campaign.frozen.get("note")
    text = f"{len(campaign.pictures)} pictures through {listed}, {_over(analysis)}."
    return f"{text} {note}" if note else text


def _over(analysis: Analysis) -> str:
    airs = analysis.campaign.airs
    if len(airs) > words.MANY_AIRS:
        return f"over {len(airs)} channels"
    return f"over {'; '.join(map(str, airs))}"


def _when(analysis: Analysis) -> str:
    times = [row["sent_at"] for row in analysis.campaign.rows if row["sent_at"] is not None]
    if not times:
        return "at an unknown time"
    began = datetime.fromtimestamp(min(times), UTC)
    return f"{began:%Y-%m-%d %H:%M} UTC, {minutes(analysis.campaign) or 0:.0f} minutes"
