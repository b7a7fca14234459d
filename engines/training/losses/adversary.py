# SPDX-License-Identifier: GPL-3.0-or-later
"""The adversary's side of a training step."""

from typing import Any

import torch
from torch import Tensor, nn

from percast.engines.training import schedule
from percast.engines.training.channel import first_above
from percast.engines.training.config import Config
from percast.engines.training.distributed import Group
from percast.engines.training.losses import terms as losses
from percast.engines.training.losses.discriminator import Discriminator
from percast.engines.training.muon import adamw, load_state

_JUDGED_REALISM = 0.3
"""The discriminator learns from crops above this: softer ones are too easily told."""


class Adversary:
    """A discriminator and its optimiser.

    Args:
        config: of the run.
        group: processes of the run.
        discriminator: on the device, in channels_last.
    """

    def __init__(self, config: Config, group: Group, discriminator: Discriminator):
        self._config, self._device = config, group.device.type
        self._discriminator = discriminator
        self._judge: nn.Module = group.wrap(discriminator)
        weights = list(discriminator.parameters())
        self.optimiser = adamw(weights, config.discriminator_lr, (0.5, 0.99), 0.0)
        # Of a batch whose realism ascends: where the crops begin that feel the adversary at all,
        # and those that it learns from.
        self._felt = first_above(0, config.batch, config)
        self._judged = min(first_above(_JUDGED_REALISM, config.batch, config), config.batch - 1)
        self.age = 0

    def fooling(self, picture: Tensor, sent: Tensor, realism: Tensor) -> Tensor:
        """The adversarial term of the networks' loss, a scalar; see `losses.fooling_loss`.

        Args:
            picture: received, [N, 3, H, W].
            sent: latent, [N, 96, h, w].
            realism: [N], ascending.
        """
        part = slice(self._felt, None)
        self._discriminator.requires_grad_(False)
        with self._autocast():
            logits = self._discriminator(picture[part], sent[part].detach())
        self._discriminator.requires_grad_(True)
        return losses.fooling_loss(logits, realism[part], self._config, len(picture))

    def prepare(self, share: float) -> None:
        """Sets the learning rate of the step that follows, which counts as one of its age.

        Args:
            share: of the run that is done.
        """
        schedule.set_lr([self.optimiser], schedule.lr_factor(self._config, share, self.age))
        self.age += 1

    def learn(self, original: Tensor, picture: Tensor, sent: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the discriminator; see `prepare`.

        Args:
            original, picture: [N, 3, H, W], realism ascending.
            sent: latent, [N, 96, h, w].

        Returns:
            Its loss, and its gradient's norm before clipping, scalars.
        """
        part = slice(self._judged, None)
        # One pass for both, as a second one would renew the spectral norms under the first.
        pictures = torch.cat([original[part], picture[part].detach()])
        latents = sent[part].detach().repeat(2, 1, 1, 1)
        with self._autocast():
            real, fake = self._judge(pictures, latents).chunk(2)
        loss = losses.discriminator_loss(real, fake)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parameters = self._discriminator.parameters()
        norm = nn.utils.clip_grad_norm_(parameters, self._config.discriminator_clip)
        self.optimiser.step()
        return loss.detach(), norm

    def state(self) -> dict[str, Any]:
        return {
            "age": self.age,
            "discriminator": self._discriminator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.age = state["age"]
        self._discriminator.load_state_dict(state["discriminator"])
        load_state(self.optimiser, state["optimiser"])

    def _autocast(self) -> torch.autocast:
        return autocast(self._device, self._config)


def autocast(device_type: str, config: Config) -> torch.autocast:
    """bfloat16 arithmetic where the run wants it."""
    return torch.autocast(device_type, torch.bfloat16, enabled=config.precision == "bf16")
