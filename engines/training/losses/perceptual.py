# SPDX-License-Identifier: GPL-3.0-or-later
"""LPIPS and Wasserstein distortion on AlexNet's features, differentiable."""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from percast.engines.metrics import find_weights
from percast.errors import ModelError

# AlexNet (torchvision): layer number, inputs, outputs, kernel, stride, padding of each
# convolution, and how many pixels lie between neighbours of its output.
_CONVOLUTIONS = (
    (0, 3, 64, 11, 4, 2, 4),
    (3, 64, 192, 5, 1, 2, 8),
    (6, 192, 384, 3, 1, 1, 16),
    (8, 384, 256, 3, 1, 1, 16),
    (10, 256, 256, 3, 1, 1, 16),
)
_POOLED = (3, 6)  # 3 x 3 max-pooling of stride 2 stands before these

# LPIPS's own normalisation of pictures in -1..1.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_EPSILON = 1e-8

TEXTURE_WINDOW = 32
"""Pixels over which texture is compared by its statistics."""

_LEAST_VARIANCE = 1e-3  # of features of unit mean square; keeps the square root's slope finite


class Perceptual(nn.Module):
    """Distances of pictures as trained features see them. Its own weights never change.

    Args:
        paths: of the files `percast.engines.metrics.WEIGHT_FILES`, in that order.

    Raises:
        ModelError: missing or damaged weights.
    """

    def __init__(self, paths: Sequence[Path]):
        super().__init__()
        try:
            features, heads = map(load_file, paths)
            self.convolutions = nn.ModuleList()
            for number, inputs, outputs, kernel, stride, padding, _ in _CONVOLUTIONS:
                layer = nn.Conv2d(inputs, outputs, kernel, stride, padding)
                names = ("weight", "bias")
                layer.load_state_dict({n: features[f"features.{number}.{n}"] for n in names})
                self.convolutions.append(layer)
            for index in range(len(_CONVOLUTIONS)):
                self.register_buffer(f"head{index}", heads[f"lin{index}.model.1.weight"])
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            told = " and ".join(map(str, paths))
            raise ModelError(f"{told} are no usable weights of LPIPS: {error}") from error
        self.register_buffer("shift", torch.tensor(_SHIFT)[:, None, None])
        self.register_buffer("scale", torch.tensor(_SCALE)[:, None, None])
        self.eval().requires_grad_(False)

    @classmethod
    def open(cls) -> "Perceptual | None":
        """With the weights that LPIPS is measured by; None, without a word, if there are none.

        Raises:
            ModelError: damaged weights.
        """
        paths = find_weights("lpips", silent=True)
        return None if paths is None else cls(paths)

    def forward(
        self, image: Tensor, original: Tensor, with_texture: bool = True
    ) -> tuple[Tensor, Tensor]:
        """LPIPS v0.1 (Zhang et al., "The unreasonable effectiveness of deep features as a
        perceptual metric", CVPR 2018), and Wasserstein distortion, of each picture.

        Args:
            image: [N, 3, H, W] in 0..1, 32 pixels a side or more.
            original: the same; no gradient goes there.
            with_texture: whether the second one is wanted.

        Returns:
            float32 [N] twice; the second as `texture_distance`, averaged over the layers, or 0.
        """
        with torch.no_grad():
            wanted = self._features(original)
        lpips = texture = image.new_zeros(len(image), dtype=torch.float32)
        for index, (x, y) in enumerate(zip(self._features(image), wanted, strict=True)):
            x, y = x.float(), y.float()
            if with_texture:
                window = TEXTURE_WINDOW // _CONVOLUTIONS[index][-1]
                texture = texture + texture_distance(x, y, window)
            difference = (_unit_length(x) - _unit_length(y)).square()
            head = getattr(self, f"head{index}")
            lpips = lpips + (difference * head).sum(1).mean((1, 2))
        return lpips, texture / len(wanted)

    def _features(self, image: Tensor) -> list[Tensor]:
        """The rectified output of every convolution."""
        x = (image * 2 - 1 - self.shift) / self.scale
        features = []
        for (number, *_), layer in zip(_CONVOLUTIONS, self.convolutions, strict=True):
            if number in _POOLED:
                x = F.max_pool2d(x, 3, 2)
            x = F.relu(layer(x))
            features.append(x)
        return features


def at_phase(image: Tensor, phase: Tensor, most: int) -> Tensor:
    """The part of a picture that begins at a phase, of one size for all phases.

    AlexNet's first layer looks at every fourth pixel. Seen at one phase only, the generator weaves
    a mesh that pleases LPIPS at that phase and nobody else; so each step looks at another one.

    Args:
        image: [N, 3, H, W].
        phase: int64 [2], rows and columns that are left out before it, each from 0 to `most`; on
            the picture's device, so that nobody must wait to read it.
        most: the largest that a phase may be.

    Returns:
        [N, 3, H - most, W - most].
    """
    if not most:
        return image
    for dim, first in zip((2, 3), phase, strict=True):
        inside = torch.arange(image.shape[dim] - most, device=image.device)
        image = image.index_select(dim, first + inside)
    return image.contiguous(memory_format=torch.channels_last)


def texture_distance(x: Tensor, y: Tensor, window: int) -> Tensor:
    """Wasserstein distortion (Qiu et al., "Wasserstein distortion: unifying fidelity and realism",
    2023): squared 2-Wasserstein distance of Gaussians with the local means and deviations,

        mean over windows and channels of (mean_x - mean_y)^2 + (deviation_x - deviation_y)^2.

    Two patches of the same grass differ in every pixel, and hardly in these. Features are scaled
    to unit mean square of y, so that all layers count alike.

    Args:
        x, y: float32 [N, C, h, w].
        window: side of the windows, which overlap by half; at most the features' own size.

    Returns:
        float32 [N].
    """
    window = min(max(window, 2), *x.shape[2:])
    scale = (y.square().mean((1, 2, 3), keepdim=True) + 1e-4).rsqrt()

    def statistics(features: Tensor) -> tuple[Tensor, Tensor]:
        mean = F.avg_pool2d(features, window, window // 2)
        power = F.avg_pool2d(features.square(), window, window // 2)
        return mean, ((power - mean.square()).clamp(min=0) + _LEAST_VARIANCE).sqrt()

    mean_x, deviation_x = statistics(x * scale)
    mean_y, deviation_y = statistics(y * scale)
    distance = (mean_x - mean_y).square() + (deviation_x - deviation_y).square()
    return distance.mean((1, 2, 3))


def _unit_length(features: Tensor) -> Tensor:
    """Every position's vector over the channels, scaled to length one."""
    return features / (features.square().sum(1, keepdim=True).sqrt() + _EPSILON)
