# SPDX-License-Identifier: GPL-3.0-or-later
"""Inception v3 as FID uses it, as an OpenVINO network.

The network of 2015-12-05 that came with TensorFlow (Szegedy et al., "Rethinking the Inception
architecture for computer vision", CVPR 2016), up to its 2,048 averaged features. It differs from
later ones: its average pooling leaves the padding out, and the last block pools by the maximum.
Layers go by TensorFlow's names; batch normalisation is folded into the convolutions.
"""

from typing import Any

import numpy as np

from percast.engines.metrics.graph import (
    POSITIONS,
    compile_request,
    convolve,
    max_pool,
    ops,
    picture_input,
    planes,
)
from percast.engines.metrics.weights import Tensors
from percast.errors import ModelError, one_line

SIDE = 299  # pixels that the network takes
_UNPADDED = ("conv", "conv_1", "conv_3", "conv_4")


def compile_inception(weights: Tensors, threads: int) -> Any:
    """An inference request: pictures uint8 [N, H, W, 3] to features float32 [N, 2048].

    Pictures are resized to 299 x 299 as TensorFlow's `resize_bilinear` did (bilinear, corner
    pixels of input and output aligned at the top left, no smoothing) and scaled to
    (value - 128) / 128, as in the FID's own code (Heusel et al., NIPS 2017).

    Raises:
        ModelError: weights of another network.
    """
    pictures = picture_input()
    x = ops.interpolate(
        planes(pictures, 1, 0),
        np.array([SIDE, SIDE]),
        mode="linear_onnx",
        shape_calculation_mode="sizes",
        coordinate_transformation_mode="asymmetric",
        axes=POSITIONS,
    )
    x = ops.subtract(ops.multiply(x, np.float32(1 / 128)), np.float32(1))
    try:
        features = _Network(weights)(x)
    except (KeyError, RuntimeError) as error:
        reason = one_line(error)
        raise ModelError(f"these are other weights than those of Inception v3: {reason}") from error
    return compile_request([features], [pictures], threads)


class _Network:
    def __init__(self, weights: Tensors):
        self._weights = weights

    def __call__(self, x: Any) -> Any:
        """[N, 3, 299, 299] -> [N, 2048]"""
        x = self._conv(x, "conv", stride=2)
        x = max_pool(self._conv(self._conv(x, "conv_1"), "conv_2"), 3, 2)
        x = max_pool(self._conv(self._conv(x, "conv_3"), "conv_4"), 3, 2)
        for block in ("mixed", "mixed_1", "mixed_2"):
            x = self._four_towers(x, block)
        x = ops.concat(
            [
                self._conv(x, "mixed_3.conv", stride=2),
                self._tower(x, "mixed_3.tower", last_stride=2),
                max_pool(x, 3, 2),
            ],
            1,
        )
        for block in ("mixed_4", "mixed_5", "mixed_6", "mixed_7"):
            x = self._four_towers(x, block)
        x = ops.concat(
            [
                self._tower(x, "mixed_8.tower", last_stride=2),
                self._tower(x, "mixed_8.tower_1", last_stride=2),
                max_pool(x, 3, 2),
            ],
            1,
        )
        x = self._split_towers(x, "mixed_9", _average(x))
        x = self._split_towers(x, "mixed_10", max_pool(x, 3, 1, 1))
        return ops.reduce_mean(x, POSITIONS, False)

    def _conv(self, x: Any, name: str, stride: int = 1) -> Any:
        """Padded to keep the size, but for those of stride 2 and some of the first."""
        height, width = self._weights[f"{name}.weight"].shape[2:]
        padded = stride == 1 and name not in _UNPADDED
        padding = (height // 2, width // 2) if padded else (0, 0)
        return convolve(x, self._weights, name, stride, padding)

    def _tower(self, x: Any, name: str, last_stride: int = 1) -> Any:
        """NAME.conv, NAME.conv_1 ... as many as there are."""
        count = sum(key.startswith(f"{name}.conv") for key in self._weights) // 2
        for index in range(count):
            suffix = f"_{index}" if index else ""
            x = self._conv(x, f"{name}.conv{suffix}", last_stride if index == count - 1 else 1)
        return x

    def _four_towers(self, x: Any, block: str) -> Any:
        parts = [
            self._conv(x, f"{block}.conv"),
            self._tower(x, f"{block}.tower"),
            self._tower(x, f"{block}.tower_1"),
            self._tower(_average(x), f"{block}.tower_2"),
        ]
        return ops.concat(parts, 1)

    def _split_towers(self, x: Any, block: str, pooled: Any) -> Any:
        parts = [self._conv(x, f"{block}.conv")]
        one = self._conv(x, f"{block}.tower_conv")
        two = self._conv(self._conv(x, f"{block}.tower_1_conv"), f"{block}.tower_1_conv_1")
        for tower, y in (("tower", one), ("tower_1", two)):
            for last in ("mixed_conv", "mixed_conv_1"):
                parts.append(self._conv(y, f"{block}.{tower}_{last}"))
        parts.append(self._conv(pooled, f"{block}.tower_2_conv"))
        return ops.concat(parts, 1)


def _average(x: Any) -> Any:
    return ops.avg_pool(x, [1, 1], [1, 1], [1, 1], [3, 3], True)
