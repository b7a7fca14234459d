# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers who answer by a metric with noise, to see the analysis at work before anybody is asked.

Of two pictures they prefer the one of less distance to the original. The noise is logistic; its
scale is given in medians of the differences that there are to see.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np

from percast.engines.metrics import Dists, Lpips, LpipsVgg, psnr
from percast.engines.pictures import decode_picture
from percast.errors import ModelError
from percast.settings import Settings, setting
from percast.tools.study.answers import EQUAL, LEFT, RIGHT, Answer, Given
from percast.tools.study.plan import OBVIOUS, ORIGINAL, Folder
from percast.tools.study.schedule import trials_of

_DEEP = {"lpips": Lpips, "lpips-vgg": LpipsVgg, "dists": Dists}
METRICS = (*_DEEP, "psnr")
_BEST_PSNR = 60.0  # dB, of a picture and itself
_SECONDS, _SPREAD = 2.5, 0.4  # of a reaction: median, and deviation of its logarithm

Distances = dict[tuple[int, int], float]
"""Picture and condition -> distance to the original."""


@dataclass(frozen=True)
class SimulateConfig(Settings):
    """Simulated observers.

    Args:
        metric: by which they answer.
        observers: how many.
        noise: scale, in medians of the differences between the pictures of a pair.
        variety: how much they differ: deviation of the noise's logarithm.
        lapses: share of trials that are answered at random.
        equal: difference, in the same unit, below which they say "equal" where the study has it.
        always_left: so many more who press left whatever there is.
        seed: of all that is random here.
    """

    group = "simulated observers"

    metric: str = setting(
        "dists", "--metric", f"{', '.join(METRICS)} (default %(default)s)",
        parse=str, choices=METRICS,
    )  # fmt: skip
    observers: int = setting(
        20, "--observers", "how many (default %(default)s)",
        metavar="N", parse=int, least=1, most=10_000, whole=True,
    )  # fmt: skip
    noise: float = setting(
        0.5, "--noise", "of their answers, in medians of the difference of a pair "
        "(default %(default)s)", metavar="X", least=0.01, most=100,
    )  # fmt: skip
    variety: float = setting(
        0.3, "--variety", "deviation of the noise's logarithm between them (default %(default)s)",
        metavar="X", least=0, most=3,
    )  # fmt: skip
    lapses: float = setting(
        0.02, "--lapses", "share of answers at random (default %(default)s)",
        metavar="SHARE", least=0, most=1,
    )  # fmt: skip
    equal: float = setting(
        0.25, "--equal-within", "difference, in the same unit, that they call equal where a study "
        "has that answer (default %(default)s)", metavar="X", least=0, most=100,
    )  # fmt: skip
    always_left: int = setting(
        0, "--always-left", "so many more who always press left (default %(default)s)",
        metavar="N", parse=int, least=0, most=10_000, whole=True,
    )  # fmt: skip
    seed: int = setting(
        0, "--seed", "of the simulation (default %(default)s)",
        metavar="N", parse=int, least=0, most=2**63 - 1, whole=True,
    )  # fmt: skip

    def in_words(self) -> str:
        """For the banner of a report."""
        left = f", {self.always_left} who always press left" * bool(self.always_left)
        return f"{self.observers} observers who answer by {self.metric.upper()} with noise{left}"


def distances(folder: Folder, metric: str) -> Iterator[tuple[tuple[int, int], float]]:
    """Distance of every stored picture to its original; less is better.

    Raises:
        ModelError: the metric's weights are missing.
    """
    if metric == "psnr":

        def distance(a, b) -> float | None:
            return _BEST_PSNR - min(psnr(a, b), _BEST_PSNR)
    else:
        distance = _DEEP[metric].open()
        if distance is None:
            raise ModelError(
                f"{metric} needs weights: percast eval fetch-weights --metrics {metric}"
            )
    for number, shown in enumerate(folder.study.pictures):
        original = decode_picture(folder.picture(shown.original))
        yield (number, ORIGINAL), 0.0
        for condition in (OBVIOUS, *range(len(folder.study.conditions))):
            found = distance(decode_picture(folder.picture(shown.file(condition))), original)
            if found is None:
                raise ModelError(f"{metric} cannot tell of '{shown.name}': it is too small")
            yield (number, condition), found


def answer_all(folder: Folder, config: SimulateConfig, distance: Distances) -> Iterator[Answer]:
    """The answers of all simulated observers."""
    study, draw = folder.study, np.random.default_rng(config.seed)
    unit = _unit(folder, distance)
    for slot in range(config.observers + config.always_left):
        scale = config.noise * unit * math.exp(draw.normal(0, config.variety))
        for trial in trials_of(study, slot):
            left, right = (distance[trial.picture, side] for side in (trial.left, trial.right))
            difference = right - left + scale * draw.logistic()
            lapse = draw.random() < config.lapses
            choice = LEFT if (draw.normal() if lapse else difference) > 0 else RIGHT
            if study.equal and not lapse and abs(difference) < config.equal * unit:
                choice = EQUAL
            if slot >= config.observers:
                choice = LEFT
            yield Answer(slot, trial, Given(choice, _reaction(draw)))


def _unit(folder: Folder, distance: Distances) -> float:
    found = [
        abs(distance[picture, a] - distance[picture, b])
        for picture in range(len(folder.study.pictures))
        for a, b in folder.study.pairs
    ]
    return max(median(found), 1e-9)


def _reaction(draw: np.random.Generator) -> float:
    return float(1000 * _SECONDS * math.exp(draw.normal(0, _SPREAD)))
