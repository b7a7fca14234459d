# SPDX-License-Identifier: GPL-3.0-or-later
"""The prototype's weights as a start for links that send a level.

The prototype's generator takes latents of unit power at every rate. Ours takes them at their own
level. Its weights are scaled for the level that latents have on average at `RATE`; at other rates
they are off until training has seen to it.
"""

import numpy as np
import torch

from percast.engines.networks import LATENT_CHANNELS, STRIDE
from percast.engines.training import channel
from percast.engines.training.channel import CONDITION_SNR_DB
from percast.engines.training.data.pictures import Pictures
from percast.engines.training.link import Link

RATE, SNR_DB = 32, 10.0  # 1/48
_CROP, _CROPS = 128, 256


@torch.no_grad()
def adopt(link: Link, pictures: Pictures, random: np.random.Generator) -> None:
    """Measures levels on crops, and sets the link accordingly.

    Args:
        link: with the prototype's weights, on the CPU.
        pictures: to cut crops from, of 128 x 128 if all are that large.
    """
    latents = torch.cat([_latent(link, crop) for crop in _crops(pictures, random)])
    _, levels = channel.transmit(latents, torch.full((len(latents),), RATE))
    average = levels.log().mean().exp()
    link.generator.stem.weight[:, :LATENT_CHANNELS] /= average
    link.generator.linear.weight /= average


def _latent(link: Link, crop: np.ndarray) -> torch.Tensor:
    image = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
    condition = torch.tensor([[SNR_DB / CONDITION_SNR_DB, RATE / LATENT_CHANNELS]])
    return link.encoder(image, condition)


def _crops(pictures: Pictures, random: np.random.Generator) -> list[np.ndarray]:
    """The top left corners of random pictures."""
    side = min(_CROP, int(pictures.sizes.min()) // STRIDE * STRIDE)
    picked = random.integers(len(pictures), size=_CROPS)
    return [np.ascontiguousarray(pictures[i][:side, :side]) for i in picked]
