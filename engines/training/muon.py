# SPDX-License-Identifier: GPL-3.0-or-later
"""Which weights are moved by Muon and which by AdamW.

Muon (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024) makes the
update of a matrix orthogonal, so that it moves all directions alike. It suits the kernels of
convolutions on features; what meets pixels, symbols or the condition first keeps AdamW.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from percast.engines.networks import Encoder, FilmBlock, Generator
from percast.engines.training.config import Config
from percast.engines.training.link import Link

MOMENTUM = 0.95


class KernelMuon(torch.optim.Muon):
    """torch's Muon, which takes matrices only, on convolution kernels.

    Each kernel [out, in, k, k] is optimised as the matrix [out, k * k * in] that shares its
    memory. The order of a matrix's columns makes no difference to Muon, and this one is how
    channels_last lays kernels out.

    Args:
        kernels: convolution weights, all in channels_last.
        lr: learning rate.
    """

    def __init__(self, kernels: Iterable[nn.Parameter], lr: float):
        self.kernels = list(kernels)
        matrices = [nn.Parameter(_matrix(kernel.detach())) for kernel in self.kernels]
        for kernel, matrix in zip(self.kernels, matrices, strict=True):
            if kernel.data_ptr() != matrix.data_ptr():
                raise ValueError("a kernel is not in channels_last: its matrix would be a copy")
        super().__init__(matrices, lr=lr, weight_decay=0.0, momentum=MOMENTUM)

    def step(self, closure=None):
        """One step from the kernels' own gradients."""
        matrices = (matrix for group in self.param_groups for matrix in group["params"])
        for kernel, matrix in zip(self.kernels, matrices, strict=True):
            matrix.grad = None if kernel.grad is None else _matrix(kernel.grad)
        return super().step(closure)


def optimisers(link: Link, config: Config) -> list[torch.optim.Optimizer]:
    """Muon for the kernels of residual blocks, scale changes and heads, AdamW for the rest.

    Each group's learning rate at its peak is kept as `peak_lr` in the group.
    """
    hidden = {*_hidden_kernels(link.encoder), *_hidden_kernels(link.generator)}
    kernels = [parameter for parameter in link.parameters() if parameter in hidden]
    rest = [parameter for parameter in link.parameters() if parameter not in hidden]
    chosen = [
        KernelMuon(kernels, lr=config.muon_lr),
        torch.optim.AdamW(rest, lr=config.lr, betas=(0.9, 0.99), weight_decay=config.weight_decay),
    ]
    return [with_peak(optimiser) for optimiser in chosen]


def with_peak(optimiser: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Remembers the present learning rates as the peak of the schedule."""
    for group in optimiser.param_groups:
        group["peak_lr"] = group["lr"]
    return optimiser


def load_state(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Loads a checkpoint's moments; learning rates and weight decay stay those of this run."""
    names = ("peak_lr", "weight_decay")
    own = [{name: group[name] for name in names} for group in optimiser.param_groups]
    optimiser.load_state_dict(state)
    for group, settings in zip(optimiser.param_groups, own, strict=True):
        group.update(settings)


def _hidden_kernels(network: Encoder | Generator) -> Iterable[nn.Parameter]:
    """Of encoder or generator: of their blocks, changes of scale, and last layer."""
    for module in network.modules():
        if isinstance(module, FilmBlock):
            yield from (module.conv1.weight, module.conv2.weight)
    scales = network.downs if isinstance(network, Encoder) else network.ups
    for layer in (*scales, network.head):
        yield layer.weight


def _matrix(kernel: torch.Tensor) -> torch.Tensor:
    """[out, in, k, k] -> [out, k * k * in], a view where the kernel is in channels_last."""
    return kernel.permute(0, 2, 3, 1).reshape(len(kernel), -1)
