# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged samples and the radio's DC offset taken out of a stream."""

import numpy as np

from percast.blocks.waveform import kernels

# The DC offset is averaged over whole blocks of the stream and taken off the blocks after them, so
# that the result does not depend on how the samples come in.
BLOCK = 4096
MEMORY = 16  # blocks
_OUTLIER = 1e4  # power over the median's; such samples tell nothing of the DC offset
WILD = np.float32(1e15)  # its square would still fit; what lies beyond is damage


class Conditioner:
    """Puts NaN, infinite and absurdly large samples to zero, and takes off the DC offset.

    Attributes:
        bad_samples: that were put to zero.
    """

    def __init__(self):
        self.bad_samples = 0
        self._block = np.zeros(BLOCK, np.complex64)  # that fills up
        # DC offset, real and imaginary part; blocks that it is the mean of; samples in the block.
        self._state = np.zeros(4)

    def process(self, samples: np.ndarray) -> np.ndarray:
        """complex64 [n], contiguous, to as many."""
        fast = kernels.ready()
        condition = _condition if fast is None else fast.front.condition
        out = np.empty_like(samples)
        self.bad_samples += condition(
            samples, out, self._block, self._state, WILD, _OUTLIER, MEMORY
        )
        return out


def _condition(
    samples: np.ndarray,
    out: np.ndarray,
    block: np.ndarray,
    state: np.ndarray,
    wild: float,
    outlier: float,
    memory: int,
) -> int:
    """See `Conditioner`; fills `out`, gives back how many samples were damaged."""
    bad = 0
    parts = samples.view(np.float32)
    # NaN fails every comparison. The extremes say whether there is anything to look for.
    if len(parts) and not (parts.max() < wild and parts.min() > -wild):
        parts = np.abs(parts) < wild
        good = parts[::2] & parts[1::2]
        bad = len(samples) - int(good.sum())
        samples = np.where(good, samples, 0)
    done = 0
    while done < len(samples):
        filled = int(state[3])
        part = samples[done : done + len(block) - filled]
        np.subtract(part, np.complex64(complex(*state[:2])), out=out[done : done + len(part)])
        block[filled : filled + len(part)] = part
        done += len(part)
        state[3] = filled + len(part)
        if state[3] == len(block):
            state[3] = 0
            state[2] = min(state[2] + 1, memory)
            mean = _block_dc(block, outlier)
            state[:2] += (np.array([mean.real, mean.imag]) - state[:2]) / state[2]
    return bad


def _block_dc(block: np.ndarray, outlier: float) -> complex:
    """Mean of complex64 [n] without outliers: one wild value would bury all others."""
    some = block[::64]
    some = some.real**2 + some.imag**2
    limit = outlier * np.partition(some, len(some) // 2)[len(some) // 2]
    parts = block.view(np.float32)
    if 2 * max(parts.max(), -parts.min()) ** 2 > limit:  # else there cannot be any
        block = block[block.real**2 + block.imag**2 <= limit]
    return complex(block.sum()) / len(block)
