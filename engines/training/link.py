# SPDX-License-Identifier: GPL-3.0-or-later
"""Encoder, channel and generator as one differentiable module."""

import torch
from torch import Tensor, nn

from percast.engines.networks import LATENT_CHANNELS, Encoder, Generator
from percast.engines.training import channel
from percast.engines.training.channel import CONDITION_SNR_DB, Air, Conditions
from percast.engines.training.config import Config


class Link(nn.Module):
    """A picture, sent and received. Nothing in here is random: see `channel.draw_air`.

    Args:
        config: shapes of the networks, and the channel.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.encoder = Encoder(config.encoder_channels, config.encoder_blocks)
        self.generator = Generator(config.generator_channels, config.generator_blocks)
        self._clipping_db = config.clipping_db
        self._trained_db = (config.snr_db[0], config.snr_db[1])

    def forward(self, image: Tensor, conditions: Conditions, air: Air) -> tuple[Tensor, Tensor]:
        """The encoder designs for the very SNR of the channel.

        Args:
            image: float32 [N, 3, H, W] in 0..1, sides multiples of 16.
            conditions, air: of the same batch, see `percast.engines.training.channel`.

        Returns:
            The received picture, float32 [N, 3, H, W] in about 0..1; and the latent as it was
            sent, float32 [N, 96, H/16, W/16].
        """
        c = conditions
        share = c.channels.float() / LATENT_CHANNELS
        latent = self.encoder(image, torch.stack([c.snr_db / CONDITION_SNR_DB, share], 1))
        sent, level = channel.transmit(latent, c.channels)
        symbols, noise_var = channel.propagate(sent, c.channels, c.snr_db, air, self._clipping_db)
        received = channel.weigh(symbols, noise_var, level, self._trained_db)
        known = torch.stack([received.snr_db / CONDITION_SNR_DB, share, c.realism], 1)
        return self.generator(received.latent, received.reliability, known).float(), sent
