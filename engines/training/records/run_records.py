# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a run's history lands in."""

import logging
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from percast.engines.training import validation
from percast.engines.training.records.log import Board, Table, Value
from percast.engines.training.validation import Score
from percast.errors import FileError

log = logging.getLogger(__name__)

FIGURES = (
    "mse", "lpips", "texture", "psnr_db", "fooling", "judging", "gradient", "judging_gradient",
)  # fmt: skip
"""Means over the training crops: the loss's terms without their weights, the adversarial term with
its weight, the discriminator's loss (1.39 = cannot tell), and the norms of the networks' and the
discriminator's gradients before clipping."""

_WHERE = ("step", "images", "minutes")
_SPEED = ("images_per_second", "data_share", "waiting_share")
"""Shares of the time: in the data step, and in which a GPU waited for launches (see `waiting`)."""

_TRAINING = (*_WHERE, "stage", "lr", *FIGURES, *_SPEED)


class Records:
    """`train.csv`, `validation.csv` (the curve of LPIPS over images seen), `samples/`, `events/`.

    Args:
        folder: of the run; made if it is not there.
        step: where the run goes on.
        points: names of the points of validation.

    Raises:
        FileError: the folder cannot be written; so do the methods.
    """

    def __init__(self, folder: Path, step: int, points: list[str]):
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"cannot write {folder}: {error.strerror}") from error
        self._training = Table(folder / "train.csv", list(_TRAINING), step)
        scores = [f"{figure} {point}" for point in points for figure in ("lpips", "psnr_db")]
        columns = [*_WHERE, "lpips", "psnr_db", *scores]
        self._validation = Table(folder / "validation.csv", columns, step)
        self._board = Board(folder / "events", step)
        self.last: dict[str, Any] = dict.fromkeys((*_SPEED, "lpips", "psnr_db"))

    def training(self, row: dict[str, Value]) -> str:
        """A row of `train.csv`; gives a text for the progress bar."""
        self._training.add(row)
        self._board.numbers("training", row, int(row["step"]))
        self.last |= {name: row[name] for name in _SPEED}
        text = (
            f"{row['images_per_second']:.1f} images/s  {row['data_share']:.1%} data  "
            f"{_waiting(row['waiting_share'])}{row['psnr_db']:.1f} dB  LPIPS {row['lpips']:.3f}"
        )
        log.info("step %d  stage %d  %s", row["step"], row["stage"], text)
        return text

    def validation(
        self, where: dict[str, Value], scores: dict[str, Score], rows: list[np.ndarray]
    ) -> None:
        """A row of `validation.csv`, with means over the points, and a sheet of samples."""
        if not scores:
            return
        step = int(where["step"])
        lpips = [score.lpips for score in scores.values()]
        means = {
            "lpips": None if None in lpips else fmean(lpips),
            "psnr_db": fmean(score.psnr_db for score in scores.values()),
        }
        row = {**where, **means}
        for point, score in scores.items():
            row |= {f"lpips {point}": score.lpips, f"psnr_db {point}": score.psnr_db}
        self._validation.add(row)
        self._board.numbers("validation", row, step)
        self.last |= means
        shown = "-" if means["lpips"] is None else f"{means['lpips']:.4f}"
        log.info("step %d  validation: LPIPS %s, PSNR %.2f dB", step, shown, means["psnr_db"])
        sheet = validation.write_sheet(self._folder / "samples" / f"{step:09d}.png", rows)
        self._board.picture("samples", sheet, step)

    def close(self) -> None:
        self._board.close()


def _waiting(share: Value) -> str:
    return f"{share:.0%} waiting  " if share else ""
