# SPDX-License-Identifier: GPL-3.0-or-later
"""What training minimises.

    loss = (1 - (1 - lifelike_mse) * realism) * mse_weight * MSE
         + (floor + (1 - floor) * realism) * (lpips_weight * LPIPS + texture_weight * W)
         + adversarial_weight * realism * GAN,

averaged over the crops of a batch, with realism in 0..1 drawn for each and known to the generator:
so one generator learns the whole way from faithful to lifelike. W is Wasserstein distortion. The
adversarial pair is the non-saturating one of Goodfellow et al., "Generative adversarial nets",
NeurIPS 2014.
"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from percast.engines.training.config import Config


class Terms(NamedTuple):
    """Distances of every crop from its original, before any weight; float32 [N] each."""

    mse: Tensor
    lpips: Tensor
    texture: Tensor


def distortion_loss(terms: Terms, realism: Tensor, config: Config) -> Tensor:
    """All of the loss but its adversarial term, a scalar.

    Args:
        terms: of the batch.
        realism: float32 [N].
        config: the weights.
    """
    perceptual = config.lpips_weight * terms.lpips + config.texture_weight * terms.texture
    floor = config.perceptual_floor
    faithful = 1 - (1 - config.lifelike_mse) * realism
    lifelike = floor + (1 - floor) * realism
    return (faithful * config.mse_weight * terms.mse + lifelike * perceptual).mean()


def fooling_loss(logits: Tensor, realism: Tensor, config: Config, batch: int) -> Tensor:
    """The last term of the loss: small when the discriminator takes pictures for originals.

    Args:
        logits: [n, 1, h, w] of received pictures, the n last ones of the batch.
        realism: float32 [n].
        config: the weight.
        batch: crops in the whole batch, over which the mean is taken.
    """
    fooled = F.softplus(-logits.float()).mean((1, 2, 3))
    return config.adversarial_weight * (realism * fooled).sum() / batch


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """What the discriminator minimises: logits positive for originals, negative for others.

    It is 2 log 2 = 1.39 for one that cannot tell.

    Args:
        real, fake: logits [n, 1, h, w].
    """
    return F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean()
