# SPDX-License-Identifier: GPL-3.0-or-later
"""One process or several, as torchrun starts them: one for each GPU."""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from percast.errors import UsageError


@dataclass(frozen=True)
class Group:
    """The processes of a run.

    Args:
        rank: number of this one; 0 writes files and decides.
        size: how many there are.
        device: that this one computes on.
    """

    rank: int
    size: int
    device: torch.device

    @classmethod
    def open(cls) -> "Group":
        """As torchrun's environment says; one process without it. A GPU if there is one.

        Raises:
            UsageError: more processes than GPUs.
        """
        rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        device = torch.device("cpu")
        if torch.cuda.is_available():
            local, gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
            if local >= gpus:
                raise UsageError(f"one process for each GPU: torchrun --nproc-per-node {gpus}")
            device = torch.device("cuda", local)
            torch.cuda.set_device(device)
        if size > 1:
            # Gradients travel between GPUs, decisions between hosts' memories.
            dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        return cls(rank, size, device)

    @property
    def first(self) -> bool:
        return self.rank == 0

    @property
    def device_name(self) -> str:
        """The GPU's, or CPU."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"

    def describe(self) -> str:
        """What the run is on, and where that is no GPU why."""
        if self.device.type == "cuda":
            return self.device_name if self.size == 1 else f"{self.size} GPUs ({self.device_name})"
        if torch.version.cuda or torch.version.hip:
            return "the CPU: torch finds no GPU"
        return "the CPU: this torch has no CUDA"

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over all processes, all starting from rank 0's."""
        if self.size == 1:
            return module
        # The buffers need no broadcast: they are constants, and the spectral norms' vectors,
        # which follow from the weights alike everywhere.
        return DistributedDataParallel(module, broadcast_buffers=False)

    def agree(self, *values: float) -> tuple[float, ...]:
        """Rank 0's numbers, in all processes."""
        if self.size == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64)
        dist.broadcast(tensor, 0)
        return tuple(tensor.tolist())

    def close(self) -> None:
        if self.size > 1:
            dist.destroy_process_group()
