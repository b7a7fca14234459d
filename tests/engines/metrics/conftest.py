# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of metrics share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from percast.engines.metrics import NEEDED, find_weights

# VGG16 with an eighth of its channels: number, inputs, outputs of each convolution.
_CHANNELS = (8, 8, 16, 16, 32, 32, 32, 64, 64, 64, 64, 64, 64)
_NUMBERS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_STAGES = (8, 16, 32, 64, 64)


@pytest.fixture(scope="session")
def pair(draw) -> tuple[np.ndarray, np.ndarray]:
    """A picture and a noisy copy."""
    picture = draw(200, 248)
    noise = np.random.default_rng(5).normal(0, 12, picture.shape)
    return picture, np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def open_metric() -> Callable:
    """(class) -> the metric with its real weights; skips the test where there are none."""
    opened: dict[type, object] = {}

    def open_metric(metric: type) -> Callable:
        name = getattr(metric, "metric", "fid")
        if find_weights(name) is None:
            pytest.skip(f"no weights of {name}: percast eval fetch-weights --metrics {name}")
        if metric not in opened:
            opened[metric] = metric.open()
        return opened[metric]

    return open_metric


@pytest.fixture
def no_weights(monkeypatch, tmp_path) -> Path:
    """An empty cache; gives the folder in it where weights would lie."""
    monkeypatch.delenv("PERCAST_PERCEPTUAL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "percast" / "perceptual"


@pytest.fixture(scope="session")
def small_vgg(tmp_path_factory) -> Path:
    """Random weights of a small VGG16 for LPIPS and DISTS: the arithmetic needs no better."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("small_vgg")
    features, inputs = {}, 3
    for number, outputs in zip(_NUMBERS, _CHANNELS, strict=True):
        kernel = rng.normal(0, (2 / (9 * inputs)) ** 0.5, (outputs, inputs, 3, 3))
        features[f"features.{number}.weight"] = kernel.astype(np.float32)
        features[f"features.{number}.bias"] = rng.normal(0, 0.1, outputs).astype(np.float32)
        inputs = outputs
    heads = {
        f"lin{i}.model.1.weight": rng.random((1, count, 1, 1), np.float32)
        for i, count in enumerate(_STAGES)
    }
    channels = 3 + sum(_STAGES)
    weights = {name: rng.random((1, channels, 1, 1), np.float32) for name in ("alpha", "beta")}
    files = (features, heads, weights)
    names = (*NEEDED["lpips-vgg"], NEEDED["dists"][1])
    for name, tensors in zip(names, files, strict=True):
        save_file(tensors, folder / name)
    return folder
