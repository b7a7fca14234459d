# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a run has come, and how fast it may learn there."""

import math
from collections.abc import Iterable

import torch

from percast.engines.training.config import Config


def share_done(config: Config, step: int, minutes: float) -> float:
    """Share of the run's budget that is spent, 0..1, by steps or by minutes."""
    done = step / config.steps if config.steps else minutes / config.minutes
    return min(done, 1.0)


def lr_factor(config: Config, share: float, age: int) -> float:
    """Learning rate as a share of its peak: linear warm-up times half a cosine.

    Args:
        share: of the run that is done, 0..1.
        age: steps that this optimiser has made; a new one warms up wherever the run is.
    """
    warm = min(1.0, (age + 1) / config.warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * share))
    return warm * (config.final_lr + (1 - config.final_lr) * cosine)


def set_lr(optimisers: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Learning rates as a share of `peak_lr`, see `percast.engines.training.muon.with_peak`."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group["peak_lr"] * factor


def ema_decay(config: Config, step: int) -> float:
    """Of the moving average at a step: short at first, so that the start is forgotten."""
    return min(config.ema, (1 + step) / (10 + step))
