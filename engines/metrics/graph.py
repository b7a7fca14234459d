# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of perceptual metrics in OpenVINO, built layer by layer from their weights. No torch."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from percast.engines.codecs.contract import Picture
from percast.engines.metrics.weights import Tensors
from percast.engines.runtimes.openvino_core import core, openvino
from percast.errors import ModelError, one_line

ops = openvino.opset13

CHANNELS, POSITIONS = 1, np.array([2, 3])

# AlexNet (torchvision): number, stride and padding of each convolution; those before which
# 3 x 3 max-pooling of stride 2 stands.
_ALEXNET = ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))
_ALEXNET_POOLED = (3, 6)

# VGG16 (torchvision): numbers of the convolutions of its five stages, all 3 x 3 of stride 1.
_VGG16 = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))


def compile_request(outputs: Sequence[Any], inputs: Sequence[Any], threads: int) -> Any:
    """An inference request for the CPU, in fp32 whatever the processor can do."""
    compiled = core.compile_model(
        openvino.Model(list(outputs), list(inputs), "metric"),
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


def picture_input() -> Any:
    """uint8 [N, H, W, 3]."""
    return ops.parameter([-1, -1, -1, 3], np.uint8)


def planes(pictures: Any, scale: npt.ArrayLike, shift: npt.ArrayLike) -> Any:
    """uint8 [N, H, W, 3] -> float32 [N, 3, H, W], value * scale + shift for each colour."""
    x = ops.convert(ops.transpose(pictures, np.array([0, 3, 1, 2])), np.float32)
    return affine(x, scale, shift)


def affine(x: Any, scale: npt.ArrayLike, shift: npt.ArrayLike) -> Any:
    """[N, 3, H, W] * scale + shift for each colour."""

    def each(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
        return np.broadcast_to(np.asarray(values, np.float32), 3).reshape(1, 3, 1, 1)

    return ops.add(ops.multiply(x, each(scale)), each(shift))


def convolve(
    x: Any, weights: Tensors, name: str, stride: int = 1, padding: tuple[int, int] = (0, 0)
) -> Any:
    """A rectified convolution with the tensors NAME.weight and NAME.bias."""
    # A bare array would be made a list of Python's numbers first, which takes most of the time.
    kernel, bias = openvino.op.Constant(weights[f"{name}.weight"]), weights[f"{name}.bias"]
    x = ops.convolution(x, kernel, [stride] * 2, list(padding), list(padding), [1, 1])
    return ops.relu(ops.add(x, bias.reshape(1, -1, 1, 1)))


def max_pool(x: Any, side: int, stride: int, padding: int = 0) -> Any:
    pads = [padding] * 2
    return ops.max_pool(x, [stride] * 2, [1, 1], pads, pads, [side] * 2).output(0)


def alexnet_features(x: Any, weights: Tensors) -> list[Any]:
    """The rectified output of each of AlexNet's five convolutions."""
    features = []
    for number, stride, padding in _ALEXNET:
        if number in _ALEXNET_POOLED:
            x = max_pool(x, 3, 2)
        x = convolve(x, weights, f"features.{number}", stride, (padding, padding))
        features.append(x)
    return features


def vgg16_features(x: Any, weights: Tensors, pool: Callable[[Any, int], Any]) -> list[Any]:
    """The rectified output of each of VGG16's five stages, 64 to 512 channels.

    Args:
        x: [N, 3, H, W].
        weights: in torchvision's names.
        pool: (features, channels) -> features of half the size; between two stages.
    """
    features = []
    for stage in _VGG16:
        if features:
            x = pool(x, weights[f"features.{stage[0]}.weight"].shape[1])
        for number in stage:
            x = convolve(x, weights, f"features.{number}", padding=(1, 1))
        features.append(x)
    return features


class FeatureDistance:
    """A distance between two pictures that is computed from features of each.

    Those of the first picture are kept, for it is often the original of many received ones. One
    thread may use an object at a time.

    Args:
        features: pictures (uint8 [1, H, W, 3]) -> features, each [1, C, h, w].
        distance: features of the first, of the second -> their distance, one number.
        threads: to compute with.

    Raises:
        ModelError: weights of another network.
    """

    def __init__(
        self,
        features: Callable[[Any], list[Any]],
        distance: Callable[[list[Any], list[Any]], Any],
        threads: int,
    ):
        try:
            original, received = picture_input(), picture_input()
            wanted = features(original)
            known = [ops.parameter(f.get_output_partial_shape(0), np.float32) for f in wanted]
            result = distance(known, features(received))
        except (KeyError, ValueError, RuntimeError) as error:
            # OpenVINO tells of a wrong shape in many lines, the last of which says least.
            reason = one_line(error)
            raise ModelError(f"these are other weights than the metric's own: {reason}") from error
        self._features = compile_request(wanted, [original], threads)
        self._distance = compile_request([result], [*known, received], threads)
        self._count = len(known)
        self._original: Picture | None = None

    def __call__(self, a: Picture, b: Picture) -> float:
        """The distance of two pictures of one shape, uint8 [H, W, 3]."""
        if self._original is None or not np.array_equal(self._original, a):
            self._original = None  # should the next line fail
            self._features.infer([a[np.newaxis]])
            for index in range(self._count):
                kept = self._features.get_output_tensor(index)
                self._distance.set_input_tensor(index, kept)
            self._original = a.copy()
        picture = openvino.Tensor(np.ascontiguousarray(b[np.newaxis]))
        self._distance.set_input_tensor(self._count, picture)
        self._distance.infer()
        return float(np.squeeze(self._distance.get_output_tensor(0).data))
