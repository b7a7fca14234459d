# SPDX-License-Identifier: GPL-3.0-or-later
"""Distances of pictures in the features of trained networks: LPIPS and DISTS."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from percast.engines.codecs.contract import Picture
from percast.engines.metrics.pixels import check_alike
from percast.engines.metrics.weights import NEEDED, Tensors, find_weights, load, missing_weights
from percast.errors import ModelError

LPIPS_MIN_SIDE = 32
"""Pixels; the pooling leaves nothing of smaller pictures. DISTS needs as many."""


class DeepMetric(ABC):
    """What they share: weights, and a network in OpenVINO, fp32, built from them without torch.

    One thread may use an object at a time.

    Args:
        folder: with the files `percast.engines.metrics.weights.NEEDED[metric]`.
        threads: to compute with.

    Raises:
        ModelError: missing or damaged weights, or no OpenVINO.
    """

    metric: str

    def __init__(self, folder: Path, threads: int = 1):
        if missing := missing_weights(folder, self.metric):
            raise ModelError(f"{folder} holds no {missing[0]}: {self.metric.upper()} needs it")
        self._open([folder / name for name in NEEDED[self.metric]], threads)

    @classmethod
    def open(cls, threads: int = 1) -> Self | None:
        """With the weights of `find_weights`; None and one log line without them.

        Raises:
            ModelError: damaged weights, or no OpenVINO.
        """
        if (paths := find_weights(cls.metric)) is None:
            return None
        opened = cls.__new__(cls)
        opened._open(paths, threads)
        return opened

    def _open(self, paths: Sequence[Path], threads: int) -> None:
        tensors = [load(path) for path in paths]
        try:
            self._distance = self._compile(*tensors, threads)
        except ModelError as error:
            raise ModelError(f"{paths[0].parent}: {error}") from error

    @abstractmethod
    def _compile(self, features: Tensors, heads: Tensors, threads: int) -> Any:
        """The `FeatureDistance`; OpenVINO is loaded here and not before."""

    def __call__(self, a: Picture, b: Picture) -> float | None:
        """The distance: 0 for equal pictures; None where a side is shorter than 32 pixels.

        Raises:
            ValueError: pictures of different shapes.
        """
        check_alike(a, b)
        return self._distance(a, b) if min(a.shape[:2]) >= LPIPS_MIN_SIDE else None


class Lpips(DeepMetric):
    """LPIPS v0.1 on AlexNet (Zhang et al., "The unreasonable effectiveness of deep features as a
    perceptual metric", CVPR 2018): about 0.7 for unrelated pictures."""

    metric = "lpips"

    def _compile(self, features: Tensors, heads: Tensors, threads: int) -> Any:
        from percast.engines.metrics import deep_networks

        return deep_networks.lpips_alex(features, heads, threads)


class LpipsVgg(DeepMetric):
    """LPIPS v0.1 on VGG16."""

    metric = "lpips-vgg"

    def _compile(self, features: Tensors, heads: Tensors, threads: int) -> Any:
        from percast.engines.metrics import deep_networks

        return deep_networks.lpips_vgg(features, heads, threads)


class Dists(DeepMetric):
    """DISTS (Ding et al., "Image quality assessment: unifying structure and texture similarity",
    TPAMI 2020): at full size, not shrunk to 256 pixels as in the authors' demo."""

    metric = "dists"

    def _compile(self, features: Tensors, heads: Tensors, threads: int) -> Any:
        from percast.engines.metrics import deep_networks

        return deep_networks.dists(features, heads, threads)
