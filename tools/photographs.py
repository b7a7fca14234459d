# SPDX-License-Identifier: GPL-3.0-or-later
"""Photographs that are there without a download: for the demo, campaigns and benchmarks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from percast.errors import UsageError

SHOWN = 4
"""The first so many are in the public domain or CC0, and may be shown anywhere."""


@dataclass(frozen=True)
class Photo:
    """A photograph, uint8 [H, W, 3]."""

    name: str
    rgb: np.ndarray


def photographs() -> list[Photo]:
    """The photographs that scikit-image and scikit-learn carry in their wheels.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    import skimage.data

    try:
        from sklearn.datasets import load_sample_image
    except ImportError as error:
        raise UsageError("the demo's photographs need: pip install 'percast[demo]'") from error
    return [
        Photo("cat", skimage.data.chelsea()),
        Photo("coffee", skimage.data.coffee()),
        Photo("rocket", skimage.data.rocket()),
        Photo("astronaut", skimage.data.astronaut()),
        Photo("china", load_sample_image("china.jpg")),
        Photo("flower", load_sample_image("flower.jpg")),
    ]


def write_photographs(folder: Path) -> Path:
    """All of them as NAME.png in a folder that is there, for what reads pictures from one.

    Returns:
        The folder.

    Raises:
        UsageError: see `photographs`.
    """
    for photo in photographs():
        Image.fromarray(photo.rgb).save(folder / f"{photo.name}.png")
    return folder
