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


def stage(config: Config, share: float) -> int:
    """1, or 2 from where the adversary joins, after so much of the run."""
    return 2 if share >= config.adversary_from else 1


def lr_factor(config: Config, share: float, age: int) -> float:
    """Learning rate as a share of its peak: linear warm-up times half a cosine.

    The cosine is one over the whole run, or, with `second_lr`, one over each stage.

    Args:
        share: of the run that is done, 0..1.
        age: steps that this optimiser has made, in this stage where each has its cosine; a new one
            warms up wherever the run is.
    """
    if config.second_lr:
        first = config.adversary_from
        share = (share - first) / (1 - first) if stage(config, share) == 2 else share / first
    warm = min(1.0, (age + 1) / config.warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * share))
    return warm * (config.final_lr + (1 - config.final_lr) * cosine)


def set_lr(optimisers: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Learning rates as a share of `peak_lr`, see `percast.engines.training.muon.with_peak`."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(group["peak_lr"] * factor)
            else:
                group["lr"] = group["peak_lr"] * factor


def ema_decay(config: Config, step: int) -> float:
    """Of the moving average at a step: short at first, so that the start is forgotten."""
    return min(config.ema, (1 + step) / (10 + step))
