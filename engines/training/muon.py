# SPDX-License-Identifier: GPL-3.0-or-later
"""Which weights are moved by Muon and which by AdamW.

Muon (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024) makes the
update of a matrix orthogonal, so that it moves all directions alike. It suits the kernels of
convolutions on features; what meets pixels, symbols or the condition first keeps AdamW.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from percast.engines.networks import Encoder, FilmBlock, Generator
from percast.engines.training.config import Config
from percast.engines.training.link import Link

MOMENTUM = 0.95

# Of the quintic that Newton and Schulz's iteration applies to the singular values, and how often.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class KernelMuon(torch.optim.Optimizer):
    """Muon with Nesterov momentum on convolution kernels, those of one shape all at once.

    Each kernel [out, in, k, k] is optimised as the matrix [out, k * k * in]. It computes what
    `torch.optim.Muon` does within rounding, in a few launches for each shape where that one takes
    some fifteen for each kernel: on a GPU most of its time is launches. On one thread of a CPU,
    which has none to save, it takes 1.4 times as long (127 and 88 ms for
    `base`, both in bfloat16 on a processor that has it).

    Args:
        kernels: convolution weights.
        lr: learning rate.
    """

    def __init__(self, kernels: Iterable[nn.Parameter], lr: float):
        self.kernels = list(kernels)
        super().__init__(self.kernels, {"lr": lr, "weight_decay": 0.0})
        self._alike = defaultdict(list)
        for kernel in self.kernels:
            self._alike[kernel.shape].append(kernel)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One step from the kernels' gradients; all kernels must have one."""
        lr = self.param_groups[0]["lr"]
        for (rows, inputs, height, width), kernels in self._alike.items():
            columns = inputs * height * width
            gradients = torch.stack([_matrix(kernel.grad) for kernel in kernels])
            for kernel in kernels:
                if "momentum_buffer" not in self.state[kernel]:
                    self.state[kernel]["momentum_buffer"] = torch.zeros_like(_matrix(kernel))
            buffers = [self.state[kernel]["momentum_buffer"] for kernel in kernels]
            torch._foreach_lerp_(buffers, list(gradients), 1 - MOMENTUM)
            updates = _orthogonal(gradients.lerp(torch.stack(buffers), MOMENTUM))
            # A matrix with more rows than columns moves its outputs less: Jordan's own correction.
            scale = lr * max(1.0, rows / columns) ** 0.5
            steps = updates.reshape(-1, rows, height, width, inputs).permute(0, 1, 4, 2, 3)
            torch._foreach_sub_(kernels, list(steps.to(kernels[0].dtype) * scale))


def _orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """Singular values brought to about 1, by Newton and Schulz.

    In bfloat16 on a GPU, as Jordan does; in float32 on a CPU. One without instructions for bfloat16
    emulates it: on two AVX2 cores that took half of a whole training step of `lite`.

    Args:
        matrices: float32 [n, rows, columns].

    Returns:
        bfloat16 or float32 [n, rows, columns].
    """
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices if matrices.device.type == "cpu" else matrices.bfloat16()
    x = x.mT if tall else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def optimisers(link: Link, config: Config) -> list[torch.optim.Optimizer]:
    """Muon for the kernels of residual blocks, scale changes and heads, AdamW for the rest.

    Each group's learning rate at its peak is kept as `peak_lr` in the group.
    """
    hidden = {*_hidden_kernels(link.encoder), *_hidden_kernels(link.generator)}
    kernels = [parameter for parameter in link.parameters() if parameter in hidden]
    rest = [parameter for parameter in link.parameters() if parameter not in hidden]
    kernel_muon = with_peak(KernelMuon(kernels, lr=config.muon_lr), kernels)
    return [kernel_muon, adamw(rest, config.lr, (0.9, 0.99), config.weight_decay)]


def adamw(
    parameters: list[nn.Parameter], lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW whose learning rate follows the schedule, and which a CUDA graph can hold."""
    on_gpu = parameters[0].device.type == "cuda"
    settings = {"betas": betas, "weight_decay": weight_decay, "capturable": on_gpu}
    return with_peak(torch.optim.AdamW(parameters, lr=lr, **settings), parameters)


def with_peak(
    optimiser: torch.optim.Optimizer, parameters: list[nn.Parameter]
) -> torch.optim.Optimizer:
    """Remembers the present learning rates as the peak of the schedule.

    On a GPU they move into tensors there, which `percast.engines.training.schedule.set_lr` fills: a
    captured step reads them anew each time.
    """
    device = parameters[0].device
    for group in optimiser.param_groups:
        group["peak_lr"] = group["lr"]
        if device.type == "cuda":
            group["lr"] = torch.tensor(group["lr"], device=device)
    return optimiser


def load_state(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Loads a checkpoint's moments; learning rates and weight decay stay those of this run."""
    names = ("lr", "peak_lr", "weight_decay", "capturable")
    groups = [
        saved | {name: own[name] for name in names if name in own}
        for own, saved in zip(optimiser.param_groups, state["param_groups"], strict=True)
    ]
    optimiser.load_state_dict(state | {"param_groups": groups})


def _hidden_kernels(network: Encoder | Generator) -> Iterable[nn.Parameter]:
    """Of encoder or generator: of their blocks, changes of scale, and last layer."""
    for module in network.modules():
        if isinstance(module, FilmBlock):
            yield from (module.conv1.weight, module.conv2.weight)
    scales = network.downs if isinstance(network, Encoder) else network.ups
    for layer in (*scales, network.head):
        yield layer.weight


def _matrix(kernel: torch.Tensor) -> torch.Tensor:
    """[out, in, k, k] -> [out, k * k * in]. The order of the columns makes no difference to Muon;
    in this one it is a view where the kernel is in channels_last."""
    return kernel.permute(0, 2, 3, 1).reshape(len(kernel), -1)
