# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel Inception distance of a set of received pictures from their originals.

Binkowski et al., "Demystifying MMD GANs", ICLR 2018: the squared maximum mean discrepancy of
Inception's features under the kernel (x y / d + 1)^3, by the estimator without bias. Unlike FID it
does not grow for small sets, so that it can be told of fewer pictures; its error is told by leaving
out one picture at a time (the jackknife: Efron and Tibshirani, "An Introduction to the Bootstrap",
1993, chapter 11), as patches of one picture are alike.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from percast.engines.metrics.fid import FEATURES

Features = npt.NDArray[np.float32]


class KernelDistance(NamedTuple):
    """KID.

    Attributes:
        value: without bias, and so below 0 now and then.
        error: standard error over pictures.
    """

    value: float
    error: float


def kernel_distance(
    originals: Sequence[Features], received: Sequence[Features]
) -> KernelDistance | None:
    """KID of two sets.

    Args:
        originals, received: features of each picture's patches, float32 [patches, 2048]; those at
            the same place in both are of the same picture.

    Returns:
        None for fewer than three pictures with patches.
    """
    pairs = [(x, y) for x, y in zip(originals, received, strict=True) if len(x) and len(y)]
    if len(pairs) < 3:
        return None
    originals, received = zip(*pairs, strict=True)
    within_x, within_y = _within(originals), _within(received)
    across = _blocks(originals, received)
    nx, ny = (np.array([len(features) for features in side]) for side in (originals, received))

    def distance(kept: npt.NDArray[np.bool_]) -> float:
        m, n = nx[kept].sum(), ny[kept].sum()
        inner = np.ix_(kept, kept)
        return float(
            within_x[inner].sum() / (m * (m - 1))
            + within_y[inner].sum() / (n * (n - 1))
            - 2 * across[inner].sum() / (m * n)
        )

    number = len(pairs)
    without = [distance(np.arange(number) != left_out) for left_out in range(number)]
    error = np.sqrt((number - 1) * np.var(without))
    return KernelDistance(distance(np.ones(number, bool)), float(error))


def _kernel(x: Features, y: Features) -> npt.NDArray[np.float64]:
    return (x.astype(np.float64) @ y.T.astype(np.float64) / FEATURES + 1) ** 3


def _blocks(x: Sequence[Features], y: Sequence[Features]) -> npt.NDArray[np.float64]:
    """Sums of the kernel over the patches of each pair of pictures: [pictures, pictures]."""
    starts = np.cumsum([0, *map(len, y[:-1])])
    every = np.concatenate(y)
    return np.array([np.add.reduceat(_kernel(one, every).sum(0), starts) for one in x])


def _within(x: Sequence[Features]) -> npt.NDArray[np.float64]:
    """The same of one set, without each patch's kernel with itself."""
    blocks = _blocks(x, x)
    own = [np.trace(_kernel(one, one)) for one in x]
    return blocks - np.diag(own)
