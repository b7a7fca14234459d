# SPDX-License-Identifier: GPL-3.0-or-later
"""What a device does in one training step: forward, losses, backward, optimisers, averages.

All that differs from step to step is put into tensors that stay where they are (`Step.fill`), and
nothing is read back. So the same code runs on a CPU, on a GPU, and captured as a CUDA graph that
replays a whole step with one launch; see `percast.engines.training.replay`.
"""

import torch
from torch import Tensor, nn

from percast.engines.networks import STRIDE
from percast.engines.training import channel, schedule
from percast.engines.training.channel import Conditions, Rates
from percast.engines.training.config import MIN_CROP, Config
from percast.engines.training.link import Link
from percast.engines.training.losses import terms as losses
from percast.engines.training.losses.adversary import Adversary, autocast
from percast.engines.training.losses.perceptual import Perceptual, at_phase
from percast.engines.training.records.run_records import FIGURES


class Step:
    """One step's work on the device.

    Args:
        config: of the run.
        link: that learns.
        forward: the same, as it is called: wrapped for several processes, or compiled.
        average: moving average of the link.
        optimisers: of the link.
        adversary: of the second stage; None without.
        perceptual: features for LPIPS and texture; None where they do not count.
        device: of all these.

    Attributes:
        generator: of what the air does to symbols; seeded by `fill`.
        totals: float64 [len(FIGURES)], their sums over the steps since it was last zeroed.
    """

    def __init__(
        self,
        config: Config,
        link: Link,
        forward: nn.Module,
        average: Link,
        optimisers: list[torch.optim.Optimizer],
        adversary: Adversary | None,
        perceptual: Perceptual | None,
        device: torch.device,
    ):
        self._config, self._link, self.forward, self._average = config, link, forward, average
        self._optimisers, self._adversary = optimisers, adversary
        self._perceptual, self._device = perceptual, device
        self._shifts = max(1, min(config.perceptual_shift, config.crop - MIN_CROP + 1))
        self.generator = torch.Generator(device)
        side = config.crop
        self.original = torch.zeros((config.batch, 3, side, side), device=device).contiguous(
            memory_format=torch.channels_last
        )
        self._rates = Rates.on(device, config)
        drawn = channel.draw_conditions(config.batch, config, self._rates, torch.Generator(device))
        self.conditions = Conditions(*map(torch.empty_like, drawn))
        self.phase = torch.zeros(2, dtype=torch.int64, device=device)
        self.averaging = torch.zeros((), device=device)
        self.totals = torch.zeros(len(FIGURES), dtype=torch.float64, device=device)

    @property
    def shifts(self) -> int:
        """Rows, and columns, among which LPIPS and texture begin."""
        return self._shifts

    def fill(
        self, original: Tensor, seed: int, phase: tuple[int, int], lr_factor: float, step: int
    ) -> None:
        """What this step works on. Nothing here waits for the device.

        Args:
            original: float32 [N, 3, H, W].
            seed: of the channel's draws.
            phase: where LPIPS and texture look, rows and columns below `shifts`.
            lr_factor: learning rates as a share of their peaks.
            step: number of the step.
        """
        self.original.copy_(original, non_blocking=True)
        self._seed = seed
        self._draw_conditions()
        for kept, shift in zip(self.phase, phase, strict=True):
            kept.fill_(shift)
        self.averaging.fill_(1 - schedule.ema_decay(self._config, step))
        schedule.set_lr(self._optimisers, lr_factor)

    def renew_generator(self) -> None:
        """Another generator in the same state: one that was in a capture which failed is lost."""
        self.generator = torch.Generator(self._device)
        self._draw_conditions()

    def _draw_conditions(self) -> None:
        self.generator.manual_seed(self._seed)
        drawn = channel.draw_conditions(
            self._config.batch, self._config, self._rates, self.generator
        )
        for kept, new in zip(self.conditions, drawn, strict=True):
            kept.copy_(new)

    def compute(self, adversary: Adversary | None) -> None:
        """The step. It reads nothing but what `fill` has put in place, draws all other random
        numbers on the device, and makes no one wait.

        Args:
            adversary: in the second stage.
        """
        c, original, conditions = self._config, self.original, self.conditions
        side = c.crop // STRIDE
        air = channel.draw_air(conditions, side, side, self.generator)
        with autocast(self._device.type, c):
            picture, sent = self.forward(original, conditions, air)
            terms = self._terms(picture, original)
        loss = losses.distortion_loss(terms, conditions.realism, c)
        fooling = judging = judging_norm = torch.zeros((), device=self._device)
        if adversary:
            fooling = adversary.fooling(picture, sent, conditions.realism)
        self._link.zero_grad(set_to_none=True)
        (loss + fooling).backward()
        norm = nn.utils.clip_grad_norm_(self._link.parameters(), c.clip)
        for optimiser in self._optimisers:
            optimiser.step()
        if adversary:
            judging, judging_norm = adversary.learn(original, picture, sent)
        self._move_average()
        self._count(terms, fooling.detach(), judging, norm, judging_norm)

    def _terms(self, picture: Tensor, original: Tensor) -> losses.Terms:
        """Those that count; the others are 0."""
        mse = (picture - original).square().mean((1, 2, 3))
        lpips = texture = torch.zeros_like(mse)
        if self._config.perceptual:
            textured = self._config.texture_weight > 0
            most = self._shifts - 1
            seen = (at_phase(image, self.phase, most) for image in (picture, original))
            lpips, texture = self._perceptual(*seen, textured)
        return losses.Terms(mse, lpips, texture)

    @torch.no_grad()
    def _move_average(self) -> None:
        averages, values = list(self._average.parameters()), list(self._link.parameters())
        moves = torch._foreach_sub(values, averages)
        torch._foreach_mul_(moves, self.averaging)
        torch._foreach_add_(averages, moves)

    @torch.no_grad()
    def _count(self, terms: losses.Terms, *others: Tensor) -> None:
        """Adds `FIGURES` up on the device; reading them would make the GPU wait."""
        psnr = -10 * torch.log10(terms.mse.clamp(min=1e-10))
        means = [value.mean() for value in (*terms, psnr)]
        self.totals += torch.stack([*means, *others]).double()
