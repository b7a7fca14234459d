# SPDX-License-Identifier: GPL-3.0-or-later
"""LPIPS on AlexNet as an OpenVINO network, built layer by layer from its published weights.

LPIPS v0.1 (Zhang et al., CVPR 2018): features after each of AlexNet's five rectified convolutions
are scaled to unit length over the channels at each position; their squared differences, weighted
per channel by the learned linear layers, are averaged over the positions and summed over the
layers.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from percast.errors import ModelError

# As in runtime_openvino.py: no report to Google Analytics.
sys.modules.setdefault("openvino_telemetry", None)

try:
    import openvino
    from openvino import opset13 as ops
except ImportError as error:
    raise ModelError(f"LPIPS needs OpenVINO ({error}): pip install openvino") from error

# AlexNet (torchvision): layer number, stride and padding of each convolution; those before which
# 3 x 3 max-pooling of stride 2 stands.
_CONVOLUTIONS = ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))
_POOLED = (3, 6)

# LPIPS's own normalisation of pictures in -1..1.
_SHIFT = np.array([-0.030, -0.088, -0.188], np.float32).reshape(1, 3, 1, 1)
_SCALE = np.array([0.458, 0.448, 0.450], np.float32).reshape(1, 3, 1, 1)
_EPSILON = np.float32(1e-8)

_CHANNELS, _POSITIONS = 1, (2, 3)


def compile_lpips(alexnet: Path, linear: Path, threads: int) -> Any:
    """An inference request with inputs "a" and "b", uint8 [1, H, W, 3], and one output.

    Raises:
        ModelError: files that are no safetensors, or lack a tensor.
    """
    features, heads = _load(alexnet), _load(linear)
    inputs = [ops.parameter([1, -1, -1, 3], np.uint8, name=name) for name in ("a", "b")]
    for port in inputs:
        port.output(0).set_names({port.get_friendly_name()})
    try:
        # Both pictures run as one batch of two: fewer, larger convolutions.
        distance = _distance(_features(_normalised(ops.concat(inputs, 0)), features), heads)
    except (KeyError, RuntimeError) as error:
        raise ModelError(
            f"{alexnet.parent} holds other weights than those of AlexNet and LPIPS v0.1: {error}"
        ) from error
    model = openvino.Model([distance], inputs, "lpips")
    compiled = openvino.Core().compile_model(
        model,
        "CPU",
        {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        },
    )
    return compiled.create_infer_request()


def _load(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read ({error}): fetch it again") from error


def _normalised(pictures: Any) -> Any:
    """uint8 [2, H, W, 3] -> [2, 3, H, W] in LPIPS's normalisation."""
    planes = ops.convert(ops.transpose(pictures, np.array([0, 3, 1, 2])), np.float32)
    return ops.add(ops.multiply(planes, 2 / 255 / _SCALE), (-1 - _SHIFT) / _SCALE)


def _features(x: Any, weights: dict[str, npt.NDArray[np.float32]]) -> list[Any]:
    """The rectified output of every convolution."""
    features = []
    for number, stride, padding in _CONVOLUTIONS:
        if number in _POOLED:
            x = ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3]).output(0)
        kernel = weights[f"features.{number}.weight"]
        x = ops.convolution(x, kernel, [stride] * 2, [padding] * 2, [padding] * 2, [1, 1])
        x = ops.relu(ops.add(x, weights[f"features.{number}.bias"].reshape(1, -1, 1, 1)))
        features.append(x)
    return features


def _distance(features: list[Any], heads: dict[str, npt.NDArray[np.float32]]) -> Any:
    """The sum of the weighted squared differences, [1, 1]."""
    total = None
    for index, feature in enumerate(features):
        length = ops.sqrt(ops.reduce_sum(ops.multiply(feature, feature), _CHANNELS, True))
        pair = ops.split(ops.divide(feature, ops.add(length, _EPSILON)), 0, 2)
        difference = ops.squared_difference(pair.output(0), pair.output(1))
        head = heads[f"lin{index}.model.1.weight"]
        weighted = ops.convolution(difference, head, [1, 1], [0, 0], [0, 0], [1, 1])
        part = ops.reduce_mean(weighted, np.array(_POSITIONS), False)
        total = part if total is None else ops.add(total, part)
    return total
