# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of merit of received pictures against their originals."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable

import numpy as np

from percast.engines.metrics import Lpips, ms_ssim, psnr

log = logging.getLogger(__name__)

METRICS = ("psnr", "ms-ssim", "lpips")
_KEPT = 256 << 20  # bytes of originals: hundreds of small pictures may be on their way at once
_LEAST = 16  # originals, however large: so many may be in the queues from source to sink


class Scorer:
    """Scores pictures by number; a figure that cannot be had is None.

    Args:
        metrics: which of `METRICS`.

    Attributes:
        metrics: names of the figures that it computes, as records have them.
        mismatched: pictures of another size than their originals, which get no figures.
        unscored: pictures that came when their originals had been given up; they get none, either.
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
        self._originals: deque[tuple[int, str, np.ndarray]] = deque()
        self._kept = 0  # bytes of them
        self._given_up = -1  # the newest of those that were, for want of room
        self._lock = threading.Lock()  # a sender's thread and a sink's
        self._circle: list[tuple[str, np.ndarray]] = []
        self.mismatched = self.unscored = 0
        self.on_scored: Callable[[np.ndarray, np.ndarray | None, dict], None] | None = None

    def remember(self, number: int, name: str, rgb: np.ndarray) -> None:
        """Keep an original (uint8 [H, W, 3]) until its picture, or a later one, is scored; numbers
        rise. Where nothing arrives the oldest are given up."""
        with self._lock:
            self._originals.append((number, name, rgb))
            self._kept += rgb.nbytes
            while self._kept > _KEPT and len(self._originals) > _LEAST:
                self._given_up = self._drop_oldest()[0]

    def compare_with(self, originals: list[tuple[str, np.ndarray]]) -> None:
        """Names and originals (uint8 [H, W, 3]) that a sender goes round in this order."""
        self._circle = originals

    def __call__(self, rgb: np.ndarray | None, record: dict) -> dict:
        """The name and figures of the received picture (uint8 [H, W, 3]) `record["id"]`; of one
        that could not be decoded (None) the name."""
        figures = dict.fromkeys(("psnr_db", "ms_ssim", "lpips"))
        name, original = self._original(record["id"])
        if rgb is not None and self._metrics:
            if original is None:
                self._note_missing(record["id"])
            elif original.shape == rgb.shape:
                figures |= {key: metric(original, rgb) for key, metric in self._metrics.items()}
            else:
                self._note_mismatch(name, original, rgb)
        figures = {"name": name, **figures}
        if rgb is not None and (look := self.on_scored) is not None:
            look(rgb, original, record | figures)
        return figures

    def _original(self, number: int) -> tuple[str | None, np.ndarray | None]:
        """Pictures arrive in the order in which they were sent: the earlier ones are lost."""
        with self._lock:
            while self._originals and self._originals[0][0] <= number:
                oldest, name, original = self._drop_oldest()
                if oldest == number:
                    return name, original
        return self._circle[number % len(self._circle)] if self._circle else (None, None)

    def _drop_oldest(self) -> tuple[int, str, np.ndarray]:
        oldest = self._originals.popleft()
        self._kept -= oldest[2].nbytes
        return oldest

    def _note_missing(self, number: int) -> None:
        if number > self._given_up:  # never had one
            return
        self.unscored += 1
        if self.unscored == 1:
            log.warning(
                "no figures for a picture that arrived after %d MiB of later ones were sent",
                _KEPT >> 20,
            )

    def _note_mismatch(self, name: str, original: np.ndarray, rgb: np.ndarray) -> None:
        self.mismatched += 1
        if self.mismatched == 1:
            log.warning(
                "no figures where sizes differ: %s is %dx%d, what was received of it %dx%d; "
                "--size must be the sender's",
                name, original.shape[1], original.shape[0], rgb.shape[1], rgb.shape[0],
            )  # fmt: skip
