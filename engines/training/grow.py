# SPDX-License-Identifier: GPL-3.0-or-later
"""A larger network that begins as exactly the same function as a smaller one.

After Chen et al., "Net2Net: accelerating learning via knowledge transfer", ICLR 2016, but with
zeros in place of copies, so that what is new need not first grow apart:

- deeper: a residual block more begins with its second convolution at zero, so it adds nothing;
- wider: a channel more computes something from the start, which no old channel reads: those weights
  begin at zero, and have a gradient from the first step on.
"""

import logging
from collections.abc import Mapping

import torch
from torch import Tensor

from percast.engines.networks import Encoder, Generator, shape_of

log = logging.getLogger(__name__)


@torch.no_grad()
def grow(network: Encoder | Generator, state: Mapping[str, Tensor]) -> None:
    """Loads weights of a network that has the same shape, or is smaller.

    Args:
        network: with its random start, which what is new keeps.
        state: float32, by the names of a state dictionary.

    Raises:
        RuntimeError: as `load_state_dict` does, for weights of other or of larger networks.
    """
    (widths, depths), (old_widths, old_depths) = shape_of(network.state_dict()), shape_of(state)
    if (widths, depths) == (old_widths, old_depths):
        network.load_state_dict(state)
        return
    bigger = [*zip(widths, old_widths, strict=True), *zip(depths, old_depths, strict=True)]
    if any(new < old for new, old in bigger):
        raise RuntimeError(
            f"channels {list(old_widths)} and blocks {list(old_depths)} are more than "
            f"{list(widths)} and {list(depths)}: networks can grow, not shrink"
        )
    grown = network.state_dict()
    if unknown := state.keys() - grown.keys():
        raise RuntimeError(f"there is no {min(unknown)} in these networks")
    for name, own in grown.items():
        if name in state:
            parts = 2 if ".film." in name else 1  # gains, then shifts
            for new, old in zip(own.chunk(parts), state[name].chunk(parts), strict=True):
                _place(new, old, name)
        elif ".conv2." in name:
            own.zero_()
        elif not name.startswith("stages."):
            raise RuntimeError(f"{name} is missing")
    log.info(
        "%s grown from channels %s and blocks %s to %s and %s: it begins as the same function",
        type(network).__name__.lower(), *map(list, (old_widths, old_depths, widths, depths)),
    )  # fmt: skip


def _place(new: Tensor, old: Tensor, name: str) -> None:
    """Puts weights [outputs, inputs, ...] or [outputs] into larger ones: the old outputs read the
    old inputs as ever, and nothing of the new ones.

    The outputs before a `pixel_shuffle` fit too: it makes channel c of those from 4c on.
    """
    if old.dim() != new.dim() or old.shape[2:] != new.shape[2:]:
        raise RuntimeError(f"{name} has the shape {list(old.shape)}, not {list(new.shape)}")
    outputs = len(old)
    if old.dim() > 1:
        new[:outputs] = 0
        new[:outputs, : old.shape[1]] = old
    else:
        new[:outputs] = old
