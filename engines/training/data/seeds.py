# SPDX-License-Identifier: GPL-3.0-or-later
"""One seed for everything that one process draws in one step.

No generator lives longer than a step, so none has to be stored: a run that was killed and resumed,
with as many processes, draws exactly what it would have drawn.
"""

from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """Draws of different kinds never share a seed."""

    CROPS = 0
    CHANNEL = 1
    START = 2
    VALIDATION = 3
    PHASE = 4


def sequence(purpose: Purpose, seed: int, process: int, step: int) -> np.random.SeedSequence:
    """The root of all draws of one purpose in one step of one process."""
    return np.random.SeedSequence((purpose, seed, process, step))


def host_generator(seeds: np.random.SeedSequence) -> np.random.Generator:
    return np.random.default_rng(seeds)


def device_generator(seeds: np.random.SeedSequence, device: torch.device) -> torch.Generator:
    """A generator whose draws stay on the device.

    Its numbers differ between kinds of devices.
    """
    generator = torch.Generator(device)
    generator.manual_seed(device_seed(seeds))
    return generator


def device_seed(seeds: np.random.SeedSequence) -> int:
    """For a generator of torch's."""
    # That for CPUs uses the lower 32 bits only: the entropy must be spread first.
    return int(seeds.generate_state(1, np.uint64)[0] >> np.uint64(1))
