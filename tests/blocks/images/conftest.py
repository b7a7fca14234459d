# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures to test with."""

import numpy as np
import pytest


def gradient(width: int, height: int) -> np.ndarray:
    """A smooth picture without symmetry, uint8 [height, width, 3]."""
    x, y = np.linspace(0, 1, width), np.linspace(0, 1, height)[:, None]
    channels = (200 * x + 0 * y, 220 * y + 0 * x, 120 * x * y + 60)
    return np.stack(channels, axis=-1).astype(np.uint8)


@pytest.fixture
def make_rgb():
    return gradient
