# SPDX-License-Identifier: GPL-3.0-or-later
"""The adversary: tells received pictures from originals, patch by patch."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from percast.engines.networks import LATENT_CHANNELS, STRIDE

_SLOPE = 0.2
_LATENT_PLANES = 12
_STRIDES = (2, 2, 2, 1)


class Discriminator(nn.Module):
    """Patch discriminator (Isola et al., "Image-to-image translation with conditional adversarial
    networks", CVPR 2017) with spectral normalisation (Miyato et al., "Spectral normalization for
    generative adversarial networks", ICLR 2018).

    It also sees the transmitted latent, so a picture must not only look real but be that picture
    (Mentzer et al., "High-fidelity generative image compression", NeurIPS 2020).

    Args:
        channels: widths of the four convolutions, which see 46 pixels across.
    """

    def __init__(self, channels: tuple[int, ...] = (48, 96, 192, 256)):
        super().__init__()
        self.latent = nn.Conv2d(LATENT_CHANNELS, _LATENT_PLANES, 3, padding=1)
        widths = (3 + _LATENT_PLANES, *channels)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=stride, padding=1))
            for (a, b), stride in zip(pairwise(widths), _STRIDES, strict=True)
        )
        self.head = spectral_norm(nn.Conv2d(channels[-1], 1, 1))

    def forward(self, image: Tensor, latent: Tensor) -> Tensor:
        """Args:
            image: [N, 3, H, W] in 0..1.
            latent: [N, 96, H/16, W/16], as it was sent.

        Returns:
            Logits [N, 1, H/8 - 1, W/8 - 1], positive for "original".
        """
        planes = F.leaky_relu(self.latent(latent), _SLOPE)
        planes = F.interpolate(planes, scale_factor=STRIDE, mode="nearest")
        x = torch.cat([image * 2 - 1, planes.to(image.dtype)], 1)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), _SLOPE)
        return self.head(x)
