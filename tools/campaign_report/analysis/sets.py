# SPDX-License-Identifier: GPL-3.0-or-later
"""FID and KID of each condition, where there are pictures enough; else why not."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t

from percast.engines.metrics.fid import (
    FEW_PATCHES,
    PATCH,
    FeatureStatistics,
    InceptionFeatures,
    frechet_distance,
)
from percast.engines.metrics.kid import kernel_distance
from percast.engines.pictures import decode_picture
from percast.tools.campaign.tables.rows import delivered
from percast.tools.campaign_report.analysis.conditions import Condition
from percast.tools.campaign_report.analysis.measured import Campaign, Measured
from percast.tools.campaign_report.analysis.origin import ranges
from percast.tools.statistics.bootstrap import CONFIDENCE, Interval

KID_PATCHES = 256
"""With fewer, KID's error is as large as the differences that it is to show."""


@dataclass(frozen=True)
class Needs:
    """Patches of 256 x 256 below which a distance is not told."""

    fid: int = FEW_PATCHES
    kid: int = KID_PATCHES


@dataclass(frozen=True)
class SetDistance:
    """Of one condition.

    Attributes:
        condition: it.
        patches: of the pictures that came out.
        fid: None where there is none.
        kid: times 1,000.
        why_not: of what is missing.
        cells: of the store.
    """

    condition: Condition
    patches: int
    fid: float | None
    kid: Interval | None
    why_not: str
    cells: list[int]

    def json(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            **self.condition.key(),
            "patches": self.patches,
            "fid": self.fid,
            "kid_x1000": self.kid and self.kid._asdict(),
            "why_not": self.why_not or None,
            "cells": ranges(self.cells),
        }


def count_patches(width: int, height: int) -> int:
    """As `percast.engines.metrics.fid.patches` cuts: those of the grid, and of the shifted one."""
    shifted = max(height - PATCH, 0) // PATCH * (max(width - PATCH, 0) // PATCH)
    return height // PATCH * (width // PATCH) + shifted


def enough(campaign: Campaign, needs: Needs) -> dict[Condition, int]:
    """Patches of each condition that has enough for KID or FID."""
    counted = {c: _patches(m) for c, m in campaign.conditions.items()}
    return {c: n for c, n in counted.items() if n >= min(needs.kid, needs.fid)}


def distances(
    campaign: Campaign,
    picture: Callable[[int, int], bytes | None],
    reference: Callable[[str], bytes],
    threads: int,
    needs: Needs,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[SetDistance]:
    """Of all conditions. Networks are opened only where there are pictures enough.

    Args:
        picture, reference: of `Store`.
        threads: for Inception.
        on_progress: called with the number of conditions done.

    Raises:
        ModelError: damaged weights, or no OpenVINO.
    """
    worth = enough(campaign, needs)
    inception = InceptionFeatures.open(threads) if worth else None
    originals: dict[str, np.ndarray] = {}

    def features_of(sha: str) -> np.ndarray:
        if sha not in originals:
            originals[sha] = inception(decode_picture(io.BytesIO(reference(sha))))
        return originals[sha]

    found = []
    for done, (condition, measured) in enumerate(campaign.conditions.items(), 1):
        patches = _patches(measured)
        why = _why_not(patches, needs)
        fid = kid = None
        if condition in worth and inception is None:
            why = "Inception's weights are not here: percast eval fetch-weights --metrics fid"
        elif condition in worth:
            fid, kid, missing = _distance(
                measured, campaign, picture, features_of, inception, needs
            )
            why = missing or why
        found.append(SetDistance(condition, patches, fid, kid, why, measured.cells))
        on_progress(done)
    return found


def _patches(measured: Measured) -> int:
    rows = filter(delivered, measured.rows)
    return sum(count_patches(row["width"], row["height"]) for row in rows)


def _why_not(patches: int, needs: Needs) -> str:
    wanted = [name for name in ("KID", "FID") if patches < getattr(needs, name.lower())]
    if not wanted:
        return ""
    numbers = " and ".join(f"{getattr(needs, name.lower()):,} for {name}" for name in wanted)
    return f"it takes patches of {PATCH} x {PATCH}, {numbers}"


def _distance(
    measured: Measured,
    campaign: Campaign,
    picture: Callable[[int, int], bytes | None],
    features_of: Callable[[str], np.ndarray],
    inception: InceptionFeatures,
    needs: Needs,
) -> tuple[float | None, Interval | None, str]:
    sent: dict[str, list[np.ndarray]] = {}
    came: dict[str, list[np.ndarray]] = {}
    for row in filter(delivered, measured.rows):
        content = picture(row["cell"], campaign.decode)
        if content is None:
            return None, None, "the plan keeps no received pictures"
        sha = row["picture_sha256"]
        sent.setdefault(sha, []).append(features_of(sha))
        came.setdefault(sha, []).append(inception(decode_picture(io.BytesIO(content))))
    pairs = [(np.concatenate(sent[sha]), np.concatenate(came[sha])) for sha in sent]
    originals, received = map(list, zip(*pairs, strict=True))
    fid = kid = None
    if sum(map(len, received)) >= needs.fid:
        sides = (FeatureStatistics(), FeatureStatistics())
        for side, features in zip(sides, (originals, received), strict=True):
            for one in features:
                side.add(one)
        fid = frechet_distance(*sides)
    if sum(map(len, received)) >= needs.kid and (found := kernel_distance(originals, received)):
        reach = found.error * float(t.ppf((1 + CONFIDENCE) / 2, len(pairs) - 1))
        kid = Interval(*(1e3 * v for v in (found.value, found.value - reach, found.value + reach)))
    return fid, kid, ""
