# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of merit of received pictures against their originals."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable

import numpy as np

from percast.engines.metrics import Lpips, ms_ssim, psnr

log = logging.getLogger(__name__)

METRICS = ("psnr", "ms-ssim", "lpips")
_KEEP = 64  # originals kept for pictures still on their way


class Scorer:
    """Scores pictures by number; a figure that cannot be had is None.

    Args:
        metrics: which of `METRICS`.

    Attributes:
        metrics: names of the figures that it computes, as records have them.
        mismatched: pictures of another size than their originals, which get no figures.
        on_scored: called with each picture, its original (None where there is none) and its record
            with figures; None while nobody looks.
    """

    def __init__(self, metrics: Iterable[str] = METRICS):
        self._metrics: dict[str, Callable] = {}
        if "psnr" in metrics:
            self._metrics["psnr_db"] = psnr
        if "ms-ssim" in metrics:
            self._metrics["ms_ssim"] = ms_ssim
        if "lpips" in metrics and (lpips := Lpips.open()):
            self._metrics["lpips"] = lpips
        self.metrics = frozenset(self._metrics)
        self._originals: OrderedDict[int, tuple[str, np.ndarray]] = OrderedDict()
        self._circle: list[tuple[str, np.ndarray]] = []
        self.mismatched = 0
        self.on_scored: Callable[[np.ndarray, np.ndarray | None, dict], None] | None = None

    def remember(self, number: int, name: str, rgb: np.ndarray) -> None:
        """Keep an original (uint8 [H, W, 3]) until its picture is scored."""
        self._originals[number] = name, rgb
        while len(self._originals) > _KEEP:
            self._originals.popitem(last=False)

    def compare_with(self, originals: list[tuple[str, np.ndarray]]) -> None:
        """Names and originals (uint8 [H, W, 3]) that a sender goes round in this order."""
        self._circle = originals

    def __call__(self, rgb: np.ndarray | None, record: dict) -> dict:
        """The name and figures of the received picture (uint8 [H, W, 3]) `record["id"]`; of one
        that could not be decoded (None) the name."""
        figures = dict.fromkeys(("psnr_db", "ms_ssim", "lpips"))
        name, original = self._originals.pop(record["id"], (None, None))
        if original is None and self._circle:
            name, original = self._circle[record["id"] % len(self._circle)]
        if rgb is not None and original is not None and self._metrics:
            if original.shape == rgb.shape:
                figures |= {key: metric(original, rgb) for key, metric in self._metrics.items()}
            else:
                self._note_mismatch(name, original, rgb)
        figures = {"name": name, **figures}
        if rgb is not None and (look := self.on_scored) is not None:
            look(rgb, original, record | figures)
        return figures

    def _note_mismatch(self, name: str, original: np.ndarray, rgb: np.ndarray) -> None:
        self.mismatched += 1
        if self.mismatched == 1:
            log.warning(
                "no figures where sizes differ: %s is %dx%d, what was received of it %dx%d; "
                "--size must be the sender's",
                name, original.shape[1], original.shape[0], rgb.shape[1], rgb.shape[0],
            )  # fmt: skip
