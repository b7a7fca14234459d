# SPDX-License-Identifier: GPL-3.0-or-later
"""What a picture counts that did not come out.

A mean over the pictures that arrived flatters a link that loses the difficult ones: it is told
beside the share that arrived. Where codes are compared, and over SNR, a lost picture counts as what
a receiver could show without having received anything: a picture of mid grey.
"""

import io
import math
from collections.abc import Callable, Mapping

import numpy as np

from percast.engines.evaluation.measure import METRICS, open_metrics
from percast.engines.pictures import decode_picture
from percast.tools.campaign_report.analysis.measured import Campaign

GREY = 128

Figures = dict[str, dict[str, float | None]]
"""SHA-256 of a picture -> metric -> what a grey picture has; None where the metric is not for a
picture like that, missing where it is not known."""


def lost_pictures(campaign: Campaign) -> list[str]:
    """SHA-256 of all that did not come out at least once."""
    lost = sum(m.sent - m.arrived for m in campaign.conditions.values())
    return [sha for sha, times in zip(campaign.pictures, lost, strict=True) if times > 0]


def grey_figures(
    campaign: Campaign,
    reference: Callable[[str], bytes],
    threads: int,
    known: Figures,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Figures:
    """Of all pictures that were lost at least once, by the campaign's metrics.

    Args:
        reference: SHA-256 -> the picture as it was sent.
        threads: for the metrics.
        known: what another campaign has found already; these are added to it.
        on_progress: called with the number of pictures done.

    Raises:
        ModelError: damaged weights, or no OpenVINO.
    """
    names = [name for name, column in METRICS.items() if column in campaign.metrics]
    lost = [sha for sha in lost_pictures(campaign) if sha not in known]
    metrics = open_metrics(names, threads) if lost else {}
    for done, sha in enumerate(lost, 1):
        original = decode_picture(io.BytesIO(reference(sha)))
        grey = np.full_like(original, GREY)
        known[sha] = {column: metric(original, grey) for column, metric in metrics.items()}
        on_progress(done)
    return known


def fill(campaign: Campaign, figures: Mapping[str, Mapping[str, float | None]]) -> bool:
    """Writes `Measured.filled` of every condition for each metric that was measured there, or of
    which nothing arrived, as far as grey pictures of all that were lost there are known.

    Returns:
        Whether they are, of every metric.
    """
    known = True
    for measured in campaign.conditions.values():
        lost = measured.sent - measured.arrived
        for metric in campaign.metrics:
            grey = [figures.get(sha, {}).get(metric, math.nan) for sha in campaign.pictures]
            fits = lost * np.array([value is not None for value in grey])
            values = np.array([value or 0.0 for value in grey])
            if np.isnan(values[fits > 0]).any():
                known = False
                continue
            sums, counts = measured.sums[metric], measured.counts[metric]
            if counts.any() or (fits.any() and not measured.arrived.any()):
                values[fits == 0] = 0.0
                measured.filled[metric] = sums + fits * values, counts + fits
    return known
