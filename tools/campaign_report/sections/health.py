# SPDX-License-Identifier: GPL-3.0-or-later
"""Latency and health of the link."""

from percast.tools.campaign_report.analysis.conditions import Code
from percast.tools.campaign_report.analysis.link import BINS, FIGURES, Span, minutes
from percast.tools.campaign_report.analysis.whole import Analysis
from percast.tools.campaign_report.sections import words
from percast.tools.pages import Axis, Block, Figure, Panel, Point, Prose, Section, Series, Table

_TEXT = (
    "Latency is the time to encode and to decode on the machine that measured, with whatever else "
    "it did meanwhile, and between them the duration of the signal where it was simulated, or the "
    "time from the request to the arrival on the air. It says nothing of a link that runs on: "
    "`percast loopback --fps` measures that."
)
_TITLES = {
    "snr_off_db": "SNR, off the set one",
    "snr_db_measured": "SNR",
    "evm_off_db": "EVM, off its mean",
    "freq_offset_hz": "Carrier offset",
    "clock_ppm": "Sample clock",
    "erased_share": "Erased symbols",
    "latency_ms": "Latency",
    "lost_share": "Lost pictures",
}


_QUIET = {"erased_share": "No symbol was erased", "lost_share": "No picture was lost"}
"""What is said in place of an empty panel."""


def health(analysis: Analysis) -> Section:
    """A table, and everything over time."""
    blocks: list[Block] = [Prose(_TEXT, "note"), _table(analysis)]
    figure = _figure(analysis)
    if figure.panels:
        blocks.append(figure)
    else:
        blocks.append(Prose("Nothing of the link was measured over time: bare symbols have none."))
    return Section("link", "Latency and link over time", blocks)


def _table(analysis: Analysis) -> Table:
    heads = (
        "code", "channel", "latency median, ms", "99%, ms", "SNR measured less set, dB", "EVM, dB",
        "carrier offset, Hz", "clock, ppm", "symbols erased",
    )  # fmt: skip
    means = ("snr_off_db", "evm_db", "freq_offset_hz", "clock_ppm")
    rows = []
    for one in analysis.health:
        latency = one.latency_ms or {}
        rows.append(
            (
                one.code.name,
                str(one.air),
                _text(latency.get("p50"), ".0f"),
                _text(latency.get("p99"), ".0f"),
                *(_text(one.means[name], ".2f") for name in means),
                _text(one.means["erased_share"], ".2%"),
            )
        )
    cells = [cell for one in analysis.health for cell in one.cells]
    return Table(
        "Mean health of the link, over what was received",
        heads,
        rows,
        name="link",
        left=("channel",),
        source=analysis.origin.line(cells),
    )


def _figure(analysis: Analysis) -> Figure:
    length = minutes(analysis.campaign) or 0.0
    seconds = length < 2
    unit = 60.0 if seconds else 1.0
    time = Axis(f"{'seconds' if seconds else 'minutes'} since the first picture")
    looks = words.looks(analysis.campaign)
    panels, rows = [], []
    silent = []
    for name, series in analysis.over_time.items():
        if name in _QUIET and not any(s.high for spans in series.values() for s in spans):
            silent.append(_QUIET[name])
            continue
        low = 0.0 if name in ("erased_share", "lost_share", "latency_ms") else None
        curves = [
            Series(code.name, looks[code], [_point(code, s, unit) for s in spans], line=False)
            for code, spans in series.items()
        ]
        panels.append(Panel(_TITLES[name], time, Axis(FIGURES[name], low=low), curves))
        rows += [
            (name, code.name, s.minutes, s.median, s.low, s.high, s.number)
            for code, spans in series.items()
            for s in spans
        ]
    cells = [row["cell"] for row in analysis.campaign.rows]
    return Figure(
        name="over-time",
        title="The link over the time of the campaign",
        panels=panels,
        heads=("figure", "code", "minutes", "median", "p5", "p95", "values"),
        rows=rows,
        text=(
            f"Medians, with bars from 5% to 95%, of up to {BINS} stretches of time; of lost "
            "pictures the share. All codes and conditions take turns, so that a drift of the "
            "channel meets them alike; it would show here."
            + "".join(f" {text}." for text in silent)
        ),
        source=analysis.origin.line(cells),
        shared_y=False,
    )


def _point(code: Code, span: Span, unit: float) -> Point:
    note = f"{code.name}: median {span.median:.4g}, 5% to 95% {span.low:.4g} to {span.high:.4g}"
    note = f"{note}, {span.number} values".replace("-", words.MINUS)
    return Point(span.minutes * unit, span.median, span.low, span.high, note=note)


def _text(value: float | None, form: str) -> str:
    return words.DASH if value is None else format(value, form).replace("-", words.MINUS)
