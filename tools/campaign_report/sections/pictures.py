# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures side by side: best, median and worst of each code, under a slider."""

import io
from typing import Any

from PIL import Image

from percast.engines.pictures import decode_picture
from percast.tools.campaign.store import Store
from percast.tools.campaign.tables.rows import delivered
from percast.tools.campaign_report.analysis.conditions import Code
from percast.tools.campaign_report.analysis.examples import Example, Shown
from percast.tools.campaign_report.analysis.whole import Analysis
from percast.tools.campaign_report.sections import words
from percast.tools.pages import Block, Comparison, Layer, Prose, Section

_LARGEST_WEBP = 16383  # pixels of a side


def pictures(analysis: Analysis, store: Store, most_bytes: float) -> Section:
    """For each air one condition; as many as fit into so many bytes, losslessly."""
    metrics = ", ".join(dict.fromkeys(words.NAMES[s.metric] for s in analysis.shown))
    blocks: list[Block] = [
        Prose(
            "For each code its best, its median and its worst picture by "
            f"{metrics or 'no metric'}, of those that arrived, chosen by the figure alone. Pixels "
            "are as received, without loss.",
            "note",
        )
    ]
    spent = left_out = 0
    unkept = False
    for shown in analysis.shown:
        heading = f"{shown.air}, {shown.level}, CBR {shown.cbr}"
        for example in shown.examples:
            block = _comparison(analysis, store, shown, example, heading)
            size = sum(len(layer.picture or b"") for layer in block.layers)
            if spent + size > most_bytes:
                left_out += 1
                continue
            spent += size
            unkept |= sum(layer.picture is not None for layer in block.layers) < 2
            blocks.append(block)
    if unkept:
        blocks.append(Prose("Received pictures are missing where the plan keeps none.", "warning"))
    if left_out:
        text = f"{left_out} more are left out to keep the page below {most_bytes / 1e6:.0f} MB"
        blocks.append(Prose(f"{text} (--most-megabytes).", "note"))
    if not analysis.shown:
        blocks.append(Prose("Nothing arrived that could be shown."))
    return Section("pictures", "Pictures side by side", blocks)


def _comparison(
    analysis: Analysis, store: Store, shown: Shown, example: Example, heading: str
) -> Comparison:
    original = store.reference(example.picture)
    row = next(iter(example.rows.values()))
    layers = [Layer("original", compact(original), "")]
    layers += [_layer(store, analysis, code, row) for code, row in example.rows.items()]
    name = analysis.campaign.pictures[example.picture]
    cells = [row["cell"] for row in example.rows.values()]
    return Comparison(
        title=f"{name}: {', '.join(example.why)} ({heading})",
        width=row["width"],
        height=row["height"],
        layers=layers,
        source=analysis.origin.line(cells),
    )


def _layer(store: Store, analysis: Analysis, code: Code, row: Any) -> Layer:
    if not delivered(row):
        return Layer(code.name, None, f"did not come out ({row['error'] or 'lost'})")
    figures = [
        f"{words.NAMES[m]} {words.number(m, row[m])}{' dB' * (m == 'psnr_db')}"
        for m in analysis.campaign.metrics
        if row[m] is not None
    ]
    content = store.picture(row["cell"], analysis.campaign.decode)
    text = f"{', '.join(figures)}; cell {row['cell']}"
    return Layer(code.name, None if content is None else compact(content), text)


def compact(content: bytes) -> bytes:
    """A picture with the same pixels in fewer bytes, where lossless WebP takes fewer."""
    packed = io.BytesIO()
    pixels = Image.fromarray(decode_picture(io.BytesIO(content)))
    if max(pixels.size) > _LARGEST_WEBP:
        return content
    pixels.save(packed, "WEBP", lossless=True, quality=40, method=3)
    return min(content, packed.getvalue(), key=len)
