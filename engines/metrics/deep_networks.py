# SPDX-License-Identifier: GPL-3.0-or-later
"""LPIPS and DISTS as OpenVINO networks."""

from collections.abc import Callable
from typing import Any

import numpy as np

from percast.engines.metrics.graph import (
    CHANNELS,
    POSITIONS,
    FeatureDistance,
    affine,
    alexnet_features,
    max_pool,
    ops,
    planes,
    vgg16_features,
)
from percast.engines.metrics.weights import Tensors

# LPIPS's own normalisation of pictures in -1..1.
_SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
_SCALE = np.array([0.458, 0.448, 0.450], np.float32)
_EPSILON = np.float32(1e-10)

# DISTS: ImageNet's normalisation of pictures in 0..1, and its stabilising constants.
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
_C = np.float32(1e-6)
_L2_WINDOW = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]).astype(np.float32)  # Hann's
_LEAST_POWER = np.float32(1e-12)


def lpips_alex(alexnet: Tensors, heads: Tensors, threads: int) -> FeatureDistance:
    """LPIPS v0.1 on the features of AlexNet."""
    return _lpips(lambda x: alexnet_features(x, alexnet), heads, threads)


def lpips_vgg(vgg16: Tensors, heads: Tensors, threads: int) -> FeatureDistance:
    """LPIPS v0.1 on the features of VGG16."""
    return _lpips(
        lambda x: vgg16_features(x, vgg16, lambda y, channels: max_pool(y, 2, 2)), heads, threads
    )


def _lpips(network: Callable[[Any], list[Any]], heads: Tensors, threads: int) -> FeatureDistance:
    """Features of five layers are scaled to unit length over the channels at each position; their
    squared differences, weighted per channel by the learned linear layers, are averaged over the
    positions and summed over the layers."""

    def features(picture: Any) -> list[Any]:
        x = planes(picture, 2 / 255 / _SCALE, (-1 - _SHIFT) / _SCALE)
        return [_unit_length(feature) for feature in network(x)]

    def distance(a: list[Any], b: list[Any]) -> Any:
        parts = []
        for index, (x, y) in enumerate(zip(a, b, strict=True)):
            head = heads[f"lin{index}.model.1.weight"]
            squares = ops.squared_difference(x, y)
            weighted = ops.convolution(squares, head, [1, 1], [0, 0], [0, 0], [1, 1])
            parts.append(ops.reduce_mean(weighted, POSITIONS, False))
        return _sum(parts)

    return FeatureDistance(features, distance, threads)


def dists(vgg16: Tensors, heads: Tensors, threads: int) -> FeatureDistance:
    """1 - sum over stages and channels of alpha * l + beta * s, where, of the picture itself and
    of VGG16's five stages,

        l = (2 mean_x mean_y + C) / (mean_x^2 + mean_y^2 + C),
        s = (2 covariance_xy + C) / (variance_x + variance_y + C),

    and VGG16's max-pooling is replaced by an L2 pooling with a Hann window.
    """

    def features(picture: Any) -> list[Any]:
        x = planes(picture, 1 / 255, 0)
        normalised = affine(x, 1 / _DEVIATION, -_MEAN / _DEVIATION)
        return [x, *vgg16_features(normalised, vgg16, _l2_pool)]

    def distance(a: list[Any], b: list[Any]) -> Any:
        alpha, beta = (heads[name].reshape(1, -1) for name in ("alpha", "beta"))
        total = alpha.sum(dtype=np.float64) + beta.sum(dtype=np.float64)
        first, parts = 0, []
        for x, y in zip(a, b, strict=True):
            last = first + x.get_output_partial_shape(0)[CHANNELS].get_length()
            texture, structure = _similarities(x, y)
            for likeness, weight in ((texture, alpha), (structure, beta)):
                share = (weight[:, first:last] / total).astype(np.float32)
                parts.append(ops.reduce_sum(ops.multiply(likeness, share), CHANNELS, False))
            first = last
        return ops.subtract(np.float32(1), _sum(parts))

    return FeatureDistance(features, distance, threads)


def _similarities(x: Any, y: Any) -> tuple[Any, Any]:
    """DISTS's l and s of every channel of [1, C, h, w], [1, C] each."""

    def mean(values: Any) -> Any:
        return ops.reduce_mean(values, POSITIONS, True)

    def flat(values: Any) -> Any:
        return ops.squeeze(values, POSITIONS)

    mean_x, mean_y = mean(x), mean(y)
    # About the means: equal pictures then have a covariance equal to the variances, to the bit.
    x, y = ops.subtract(x, mean_x), ops.subtract(y, mean_y)
    texture = _ratio(ops.multiply(mean_x, mean_y), _squares(mean_x, mean_y))
    covariance = mean(ops.multiply(x, y))
    variances = ops.add(mean(ops.multiply(x, x)), mean(ops.multiply(y, y)))
    return flat(texture), flat(_ratio(covariance, variances))


def _ratio(product: Any, squares: Any) -> Any:
    """(2 product + C) / (squares + C)"""
    return ops.divide(ops.add(ops.multiply(product, np.float32(2)), _C), ops.add(squares, _C))


def _squares(x: Any, y: Any) -> Any:
    return ops.add(ops.multiply(x, x), ops.multiply(y, y))


def _l2_pool(x: Any, channels: int) -> Any:
    """sqrt(Hann window * x^2), every second position (Henaff and Simoncelli, ICLR 2016)."""
    window = np.broadcast_to(_L2_WINDOW, (channels, 1, 1, 3, 3))
    power = ops.group_convolution(
        ops.multiply(x, x), np.ascontiguousarray(window), [2, 2], [1, 1], [1, 1], [1, 1]
    )
    return ops.sqrt(ops.add(power, _LEAST_POWER))


def _unit_length(feature: Any) -> Any:
    length = ops.sqrt(ops.reduce_sum(ops.multiply(feature, feature), CHANNELS, True))
    return ops.divide(feature, ops.add(length, _EPSILON))


def _sum(parts: list[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = ops.add(total, part)
    return total
