# SPDX-License-Identifier: GPL-3.0-or-later
"""Pseudo-random numbers that are part of the wire format.

NumPy promises the bits of its bit generators, but not what the methods of `Generator` make of
them; these functions are defined here to the bit, so that two installations always agree.
"""

from functools import lru_cache

import numpy as np


def splitmix64(seed: int, count: int) -> np.ndarray:
    """The first `count` outputs of SplitMix64 for `seed`, uint64 [count].

    Source: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014.
    """
    z = np.uint64(seed & (2**64 - 1)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(
        0x9E3779B97F4A7C15
    )
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@lru_cache(maxsize=4)  # up to 8 MB each
def permutation(seed: int, count: int) -> np.ndarray:
    """A permutation of 0..count-1, int64 [count], read-only: the order of the hashes."""
    order = np.argsort(splitmix64(seed, count), kind="stable")
    order.flags.writeable = False
    return order


@lru_cache(maxsize=8)
def signs(seed: int, count: int) -> np.ndarray:
    """+-1, float32 [count], read-only: the top bit of each hash."""
    top = (splitmix64(seed ^ 0x5349474E, count) >> np.uint64(63)).astype(np.float32)
    values = 1 - 2 * top
    values.flags.writeable = False
    return values
