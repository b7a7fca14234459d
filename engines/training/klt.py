# SPDX-License-Identifier: GPL-3.0-or-later
"""Where training starts: SoftCast on a Karhunen-Loeve transform, in the networks' linear paths.

Jakubczak and Katabi, "A cross-layer design for scalable mobile video", MobiCom 2011: principal
component i of variance lambda_i is sent with gain lambda_i^(-1/4), which minimises the squared
error of analogue transmission at a given power; the receiver divides by it again.

A network that starts so can already send pictures at every rate, because the components come in
the order of their importance, and it learns faster from the first step.
"""

import numpy as np
import torch

from percast.engines.networks import LATENT_CHANNELS, STRIDE
from percast.engines.training.data.pictures import Pictures
from percast.engines.training.link import Link

_BLOCKS = 40_000
_DEEP_SCALE = 0.05  # of the deep paths' last layers: little noise on top of the linear code
_LEAST_VARIANCE = 1e-6


def principal_components(
    pictures: Pictures, random: np.random.Generator, blocks: int = _BLOCKS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of random 16 x 16 blocks of the pictures, values in 0..1.

    Returns:
        The 96 strongest components float32 [96, 768], orthonormal, over (colour, row, column);
        their variances float32 [96], descending; and the mean colour, as a block float32 [768].
    """
    size = 3 * STRIDE**2
    drawn = np.empty((blocks, size), np.float32)
    picked = random.integers(len(pictures), size=blocks)
    corners = random.random((blocks, 2)) * (pictures.sizes[picked] - STRIDE + 1)
    for row, index, (y, x) in zip(drawn, picked, corners.astype(int), strict=True):
        block = pictures[index][y : y + STRIDE, x : x + STRIDE]
        row[:] = block.transpose(2, 0, 1).reshape(-1)
    drawn /= 255
    mean = np.repeat(drawn.reshape(blocks, 3, -1).mean((0, 2)), STRIDE**2)
    drawn -= mean
    variances, vectors = np.linalg.eigh(drawn.T @ drawn / blocks)
    order = np.argsort(variances)[::-1][:LATENT_CHANNELS]
    return vectors[:, order].T.copy(), variances[order].copy(), mean


def initialise(link: Link, pictures: Pictures, random: np.random.Generator) -> None:
    """Sets the linear paths from the data, and quietens the deep paths."""
    components, variances, mean = map(torch.from_numpy, principal_components(pictures, random))
    gain = variances.clamp(min=_LEAST_VARIANCE) ** -0.25
    # The channel scales to unit power anyway; half of it per real dimension keeps levels near 1.
    gain = gain / (2 * (gain.square() * variances).mean()).sqrt()
    with torch.no_grad():
        link.encoder.linear.weight.copy_(
            (components * gain[:, None]).reshape(-1, 3, STRIDE, STRIDE)
        )
        link.encoder.linear.bias.copy_(-(components @ mean) * gain)
        inverse = (components / gain[:, None]).T
        link.generator.linear.weight.copy_(inverse[:, :, None, None])
        link.generator.linear.bias.copy_(mean)
        for head in (link.encoder.head, link.generator.head):
            head.weight.mul_(_DEEP_SCALE)
            head.bias.zero_()
