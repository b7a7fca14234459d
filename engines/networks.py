# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned joint source-channel code as torch modules: `Encoder` and `Generator`.

Both hold two paths side by side. The linear one is SoftCast on a Karhunen-Loeve transform
(Jakubczak and Katabi, "A cross-layer design for scalable mobile video", MobiCom 2011): 16 x 16
blocks projected on their principal components, the strongest first, with gain lambda^(-1/4). The
deep one adds what a linear code cannot. The order of the components makes every prefix of the
latent channels a good code of its own, so one model serves all rates.

Every residual block is conditioned through FiLM (Perez et al., "FiLM: visual reasoning with a
general conditioning layer", AAAI 2018), so one model serves all SNRs and realism levels too.

Nothing but training and export needs torch; a running link uses the compiled networks.
"""

from collections.abc import Mapping
from itertools import count, pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 16
"""Pixels per latent position, in both directions."""

LATENT_CHANNELS = 96
"""Latent channels at the highest rate; channels 2i and 2i+1 make one complex symbol."""

EMBEDDING = 64
_SLOPE = 0.2  # of the leaky rectifiers
_STEM_BLOCK = 4  # the deep paths begin and end on 4 x 4 pixel blocks


class Conditioner(nn.Module):
    """Embeds what is known about the link: condition [N, inputs] -> embedding [N, 64]."""

    def __init__(self, inputs: int):
        super().__init__()
        self.hidden = nn.Linear(inputs, EMBEDDING)
        self.out = nn.Linear(EMBEDDING, EMBEDDING)

    def forward(self, condition: Tensor) -> Tensor:
        return F.silu(self.out(F.silu(self.hidden(condition))))


class PixelBlocks(nn.Module):
    """What `torch.nn.PixelUnshuffle(4)` does: [N, 3, H, W] -> [N, 48, H/4, W/4].

    Written as a convolution with a one-hot kernel. That is as exact and as fast, and exports to
    a single ONNX node for any size, where the exporter turns pixel_unshuffle into a chain of
    twenty Shape, Concat and Reshape nodes.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        kernel = torch.eye(3 * size**2).reshape(3 * size**2, 3, size, size)
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        return F.conv2d(image, self.kernel, stride=self.size)


class FilmBlock(nn.Module):
    """Residual block of two 3 x 3 convolutions, scaled and shifted per channel by the condition.

    x [N, C, h, w], embedding [N, 64] -> [N, C, h, w]. It starts near the identity: FiLM at zero
    and the second convolution at a tenth of its usual size.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(EMBEDDING, 2 * channels)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        with torch.no_grad():
            self.conv2.weight.mul_(0.1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        gain, shift = self.film(embedding)[:, :, None, None].chunk(2, 1)
        hidden = F.leaky_relu(self.conv1(x) * (1 + gain) + shift, _SLOPE)
        return x + self.conv2(hidden)


class Encoder(nn.Module):
    """Picture to latent.

    Inputs: image [N, 3, H, W] float in 0..1, H and W multiples of 16; condition [N, 2] =
    (design SNR in dB / 20, channels sent / 96). Output: latent [N, 96, H/16, W/16], of which the
    sender transmits the first `channels`, scaled to unit mean power.

    Args:
        channels: width of the stages at 1/4, 1/8 and 1/16 resolution.
        blocks: residual blocks in each stage.
    """

    inputs = ("image", "condition")
    outputs = ("latent",)
    condition_size = 2

    def __init__(
        self,
        channels: tuple[int, int, int] = (64, 128, 192),
        blocks: tuple[int, int, int] = (2, 2, 3),
    ):
        super().__init__()
        self.conditioner = Conditioner(self.condition_size)
        self.blocks = PixelBlocks(_STEM_BLOCK)
        self.stem = nn.Conv2d(3 * _STEM_BLOCK**2, channels[0], 3, padding=1)
        self.stages = _stages(channels, blocks)
        self.downs = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(channels)
        )
        self.head = nn.Conv2d(channels[-1], LATENT_CHANNELS, 3, padding=1)
        self.linear = nn.Conv2d(3, LATENT_CHANNELS, STRIDE, stride=STRIDE)

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        embedding = self.conditioner(condition)
        x = self.stem(self.blocks(image * 2 - 1))
        for index, stage in enumerate(self.stages):
            for block in stage:
                x = block(x, embedding)
            if index < len(self.downs):
                x = self.downs[index](x)
        return self.head(x) + self.linear(image)


class Generator(nn.Module):
    """Received latent to picture.

    Inputs: latent [N, 96, h, w], received, at its own level again and scaled by Wiener's gain (see
    `percast.engines.codecs.latent`), 0 beyond the channels sent; reliability [N, 48, h, w] =
    snr / (1 + snr) of every complex symbol, 0 where nothing arrived; condition [N, 3] = (SNR in
    dB / 20, channels sent / 96, realism in 0..1). Output: image [N, 3, 16h, 16w] in about 0..1,
    not clipped.

    Args:
        channels: width of the stages at 1/16, 1/8 and 1/4 resolution.
        blocks: residual blocks in each stage.
    """

    inputs = ("latent", "reliability", "condition")
    outputs = ("image",)
    condition_size = 3

    def __init__(
        self,
        channels: tuple[int, int, int] = (192, 128, 64),
        blocks: tuple[int, int, int] = (4, 3, 3),
    ):
        super().__init__()
        self.conditioner = Conditioner(self.condition_size)
        self.stem = nn.Conv2d(LATENT_CHANNELS + LATENT_CHANNELS // 2, channels[0], 3, padding=1)
        self.stages = _stages(channels, blocks)
        self.ups = nn.ModuleList(nn.Conv2d(a, 4 * b, 1) for a, b in pairwise(channels))
        self.head = nn.Conv2d(channels[-1], 3 * _STEM_BLOCK**2, 3, padding=1)
        self.linear = nn.Conv2d(LATENT_CHANNELS, 3 * STRIDE**2, 1)

    def forward(self, latent: Tensor, reliability: Tensor, condition: Tensor) -> Tensor:
        embedding = self.conditioner(condition)
        x = self.stem(torch.cat([latent, reliability], 1))
        for index, stage in enumerate(self.stages):
            for block in stage:
                x = block(x, embedding)
            if index < len(self.ups):
                x = F.pixel_shuffle(self.ups[index](x), 2)
        detail = F.pixel_shuffle(self.head(x), _STEM_BLOCK)
        return 0.5 * detail + F.pixel_shuffle(self.linear(latent), STRIDE)


Shape = tuple[tuple[int, ...], tuple[int, ...]]
"""Widths of a network's stages, and the residual blocks in each."""


def shape_of(state: Mapping[str, Tensor]) -> Shape:
    """Of the network whose weights these are.

    Raises:
        RuntimeError: as `load_state_dict` does, for weights of something else.
    """
    channels, blocks = [], []
    for stage in count():
        first = state.get(f"stages.{stage}.0.conv1.weight")
        if first is None:
            break
        channels.append(len(first))
        blocks.append(next(n for n in count(1) if f"stages.{stage}.{n}.conv1.weight" not in state))
    if len(channels) != 3:
        raise RuntimeError(f"{len(channels)} stages of residual blocks where 3 belong")
    return tuple(channels), tuple(blocks)


def rebuild(kind: type[Encoder] | type[Generator], state: Mapping[str, Tensor]) -> nn.Module:
    """A network with these weights, of the shape that they say.

    Raises:
        RuntimeError: they are of something else.
    """
    network = kind(*shape_of(state))
    network.load_state_dict(state)
    return network


def _stages(channels: tuple[int, ...], blocks: tuple[int, ...]) -> nn.ModuleList:
    return nn.ModuleList(
        nn.ModuleList(FilmBlock(width) for _ in range(count))
        for width, count in zip(channels, blocks, strict=True)
    )
