# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this room share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from percast.engines.manifest import Model, load_model
from percast.engines.metrics import WEIGHT_FILES, find_weights

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def draw() -> Callable[..., np.ndarray]:
    """(height, width) -> a picture with what photographs have: shading, edges, texture."""

    def draw(height: int, width: int, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width] / 64.0
        planes = []
        for _ in range(3):
            shading = 0.5 + 0.25 * np.sin(rng.uniform(0.2, 1) * x + rng.uniform(0.2, 1) * y)
            middle = rng.uniform(0, width / 64), rng.uniform(0, height / 64)
            disc = (x - middle[0]) ** 2 + (y - middle[1]) ** 2 < 0.3
            texture = 0.06 * np.sin(9 * x + rng.uniform(0, 3)) * np.sin(7 * y)
            planes.append(shading + 0.2 * disc + texture)
        return (np.clip(np.stack(planes, -1), 0, 1) * 255).astype(np.uint8)

    return draw


@pytest.fixture(scope="session")
def add_noise() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """(symbols, snr_db) -> the symbols after AWGN, and their noise variances."""

    def add_noise(symbols: np.ndarray, snr_db: float) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        variance = 10 ** (-snr_db / 10)
        real, imaginary = rng.normal(0, (variance / 2) ** 0.5, (2, symbols.size))
        received = (symbols + real + 1j * imaginary).astype(np.complex64)
        return received, np.full(symbols.size, variance, np.float32)

    return add_noise


@pytest.fixture(scope="session")
def model() -> Model:
    """The shipped model."""
    return load_model("base")


@pytest.fixture(scope="session")
def perceptual_weights() -> Path:
    """The folder of LPIPS's weights; skips the test where there is none."""
    if found := find_weights("lpips"):
        return found[0].parent
    shared = SHARED / "perceptual"
    if not all((shared / name).is_file() for name in WEIGHT_FILES):
        pytest.skip(f"no LPIPS weights in $PERCAST_PERCEPTUAL or {shared}")
    return shared


@pytest.fixture(scope="session")
def photographs() -> list[Path]:
    """Kodak pictures; skips the test where there are none."""
    paths = sorted((SHARED / "kodak_dev").glob("*.png"))
    if not paths:
        pytest.skip(f"no photographs in {SHARED / 'kodak_dev'}")
    return paths
