# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the trainer in this process, and what they leave."""

# ruff: noqa: E402 - the imports must follow importorskip
import csv

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.training.distributed import Group
from percast.engines.training.trainer import Trainer

ALONE = Group(0, 1, torch.device("cpu"))


def train(config, out, **options):
    return Trainer(config, out, ALONE, **options).run()


def rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def states_equal(a, b) -> bool:
    """Of checkpoints, but for the time that they took."""
    if isinstance(a, dict):
        keys = a.keys() - {"minutes"}
        return keys == b.keys() - {"minutes"} and all(states_equal(a[k], b[k]) for k in keys)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(states_equal, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
