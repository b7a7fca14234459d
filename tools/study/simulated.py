# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers who answer by a metric with noise, to see the analysis at work before anybody is asked.

Of two pictures they prefer the one of less distance to the original. The noise is logistic; its
scale is given in medians of the differences that there are to see.
"""

import math
from collections.abc import Iterator
from statistics import median

import numpy as np

from percast.engines.metrics import Dists, Lpips, LpipsVgg, psnr
from percast.errors import ModelError
from percast.tools.study.analysis.config import SimulateConfig
from percast.tools.study.answers import EQUAL, LEFT, RIGHT, Answer, Given
from percast.tools.study.plan import OBVIOUS, ORIGINAL, Folder
from percast.tools.study.schedule import trials_of

_DEEP = {"lpips": Lpips, "lpips-vgg": LpipsVgg, "dists": Dists}
_BEST_PSNR = 60.0  # dB, of a picture and itself
_SECONDS, _SPREAD = 2.5, 0.4  # of a reaction: median, and deviation of its logarithm

Distances = dict[tuple[int, int], float]
"""Picture and condition -> distance to the original."""


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
        original = folder.load(shown.original)
        yield (number, ORIGINAL), 0.0
        for condition in (OBVIOUS, *range(len(folder.study.conditions))):
            found = distance(
                original, folder.load(shown.file(condition))
            )  # keeps the first's features
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
