# SPDX-License-Identifier: GPL-3.0-or-later
"""Photographs that scikit-image carries, for `percast engine`.

None to calibrate on shares a pixel with one to verify on: a change that quantisation was fitted to
would look smaller than it is.
"""

import numpy as np

from percast.engines.codecs.contract import Picture


def to_calibrate() -> list[Picture]:
    """Three photographs, or parts of them."""
    import skimage.data

    return [skimage.data.astronaut()[256:], skimage.data.coffee()[228:], skimage.data.rocket()]


def to_verify() -> list[Picture]:
    """Small ones of three sizes, one of odd sides; then strips, which are as wide as larger
    pictures and cost as little: TensorRT treats those in a way of their own."""
    import skimage.data

    coffee = skimage.data.coffee()[100:228]
    mirrored = np.concatenate([coffee[:64], coffee[:64, ::-1]], axis=1)
    return [
        coffee[:, 150:246],
        skimage.data.astronaut()[:256, 100:356],
        skimage.data.chelsea()[20:227, 60:391],
        coffee[64:, :528],
        mirrored[:, :1040],
    ]
