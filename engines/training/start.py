# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run starts with: pictures, features, networks."""

import logging
from pathlib import Path

import torch

from percast.engines.training import klt
from percast.engines.training.config import Config
from percast.engines.training.data import seeds
from percast.engines.training.data.pictures import MIN_SIDE, Pictures, open_pictures
from percast.engines.training.distributed import Group
from percast.engines.training.link import Link
from percast.engines.training.losses.discriminator import Discriminator
from percast.engines.training.losses.perceptual import Perceptual
from percast.engines.training.records import weights
from percast.errors import ModelError, UsageError

log = logging.getLogger(__name__)


def check_precision(config: Config, device: torch.device) -> None:
    """Checks that the device computes in the run's precision.

    Before Ampere GPUs only emulate bfloat16, and cuDNN has no convolutions for that.

    Raises:
        UsageError: it does not.
    """
    on_gpu = device.type == "cuda" and config.precision == "bf16"
    if on_gpu and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise UsageError(
            f"{torch.cuda.get_device_name(device)} has no bfloat16: --set precision=fp32"
        )


def open_data(config: Config, group: Group) -> tuple[Pictures, Pictures]:
    """Pictures to train on, and to validate on.

    Raises:
        UsageError: none to train on.
        FileError: a damaged pack.
    """
    say = log.warning if group.first else log.debug
    if not config.data:
        raise UsageError("there is nothing to train on: give --data a folder or a pack")
    training = open_pictures(Path(config.data), config.crop, say)
    if config.validation:
        return training, open_pictures(Path(config.validation), MIN_SIDE, say)
    rest = len(training) - config.held_out
    if rest < 1:
        raise UsageError(
            f"{config.data} has {len(training)} pictures, and held_out = {config.held_out} are for "
            "validation: lower that, or set validation to another folder"
        )
    return training.part(0, rest), training.part(rest, len(training))


def open_perceptual(config: Config, device: torch.device) -> Perceptual | None:
    """LPIPS, on the device; None where only validation would miss it.

    Raises:
        ModelError: its weights are missing though the run needs them, or are damaged.
    """
    perceptual = Perceptual.open()
    if perceptual is None and config.perceptual:
        raise ModelError(
            "training on LPIPS needs its weights: get them with `percast eval fetch-weights`"
        )
    if perceptual is None:
        log.warning("no LPIPS in validation: get its weights with `percast eval fetch-weights`")
        return None
    return perceptual.to(device=device, memory_format=torch.channels_last)


def networks(
    config: Config, pictures: Pictures, init: str | None, resumed: bool
) -> tuple[Link, Discriminator]:
    """New networks with their starting weights, the same in all processes; on the CPU.

    Args:
        pictures: whose KLT is the start where nothing else is.
        init: weights to start from, see `percast.engines.training.records.weights`.
        resumed: whether a checkpoint will follow anyway.

    Raises:
        ModelError: no such weights, or those of other networks.
    """
    root = seeds.sequence(seeds.Purpose.START, config.seed, 0, 0)
    with torch.random.fork_rng(devices=[]):  # torch initialises from its global generator
        torch.manual_seed(int(root.generate_state(1)[0]))
        link, discriminator = Link(config), Discriminator(config.discriminator_channels)
    if init is not None:
        weights.initial(link, init)
    elif not resumed:
        klt.initialise(link, pictures, seeds.host_generator(root))
    return link, discriminator
