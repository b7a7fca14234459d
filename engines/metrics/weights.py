# SPDX-License-Identifier: GPL-3.0-or-later
"""The files with the weights of perceptual metrics, and where they lie."""

import logging
import os
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from percast.errors import ModelError
from percast.home import user_cache

log = logging.getLogger(__name__)

Tensors = dict[str, npt.NDArray[np.float32]]

WEIGHT_FILES = ("alexnet_features.safetensors", "lpips_lin_alex_v0.1.safetensors")
"""What `Lpips` needs: AlexNet's convolutions in torchvision's names, and LPIPS's linear layers."""

_VGG16 = "vgg16_features.safetensors"

NEEDED = MappingProxyType(
    {
        "lpips": WEIGHT_FILES,
        "lpips-vgg": (_VGG16, "lpips_lin_vgg_v0.1.safetensors"),
        "dists": (_VGG16, "dists_alpha_beta.safetensors"),
        "fid": ("inception_v3_fid.safetensors",),
    }
)
"""Metric -> its files. The VGG16 of both is torchvision's first ImageNet one."""


def perceptual_cache() -> Path:
    """Where `percast eval fetch-weights` puts them: the user's cache."""
    return user_cache() / "perceptual"


def missing_weights(folder: Path, metric: str = "lpips") -> list[str]:
    """Those of the metric's files that the folder lacks."""
    return [name for name in NEEDED[metric] if not (folder / name).is_file()]


def find_weights(metric: str, silent: bool = False) -> tuple[Path, ...] | None:
    """The metric's files, each from $PERCAST_PERCEPTUAL or else from the user's cache.

    Args:
        metric: of `NEEDED`.
        silent: log nothing where they are missing, because the caller says what that means.

    Returns:
        In the order of `NEEDED`; None without them. How to get them is logged then, in one line.

    Raises:
        ModelError: $PERCAST_PERCEPTUAL is set, and holds nothing for any metric.
    """
    folders = [perceptual_cache()]
    if folder := _named():
        if not any((folder / name).is_file() for names in NEEDED.values() for name in names):
            raise ModelError(
                f"PERCAST_PERCEPTUAL={folder} holds no weights: correct it, or unset it"
            )
        folders.insert(0, folder)
    found = []
    for name in NEEDED[metric]:
        places = (folder / name for folder in folders)
        if (path := next((path for path in places if path.is_file()), None)) is None:
            if not silent:
                more = "" if metric == "lpips" else f" --metrics {metric}"
                log.warning(
                    "%s is not computed: get its weights with `percast eval fetch-weights%s`",
                    metric.upper(),
                    more,
                )
            return None
        found.append(path)
    return tuple(found)


def load(path: Path) -> Tensors:
    """The tensors of one file, float32.

    Raises:
        ModelError: unreadable.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read ({error}): fetch it again") from error


def _named() -> Path | None:
    named = os.environ.get("PERCAST_PERCEPTUAL")
    return Path(named) if named else None
