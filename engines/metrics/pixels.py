# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of the pixels themselves: PSNR and MS-SSIM."""

from math import inf, log10

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from percast.engines.codecs.contract import Picture

# Wang, Simoncelli, Bovik, "Multiscale structural similarity for image quality assessment",
# Asilomar 2003: weights of the five scales, window, and stabilising constants.
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
MS_SSIM_MIN_SIDE = (_WINDOW - 1) * 2 ** (len(_SCALE_WEIGHTS) - 1) + 1
"""161 pixels: at the coarsest scale the window must still fit."""


def psnr(a: Picture, b: Picture) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(255^2 / MSE) over all samples.

    Infinite for equal pictures.

    Raises:
        ValueError: pictures of different shapes.
    """
    check_alike(a, b)
    error = float(np.mean(np.square(np.subtract(a, b, dtype=np.float32), dtype=np.float64)))
    return inf if error == 0 else 10 * log10(255**2 / error)


def ms_ssim(a: Picture, b: Picture) -> float | None:
    """Multi-scale structural similarity, mean over the three colours (Wang et al. 2003).

    Five scales, 11 x 11 Gaussian window of sigma 1.5, averaged 2 x 2 between scales. 1 for equal
    pictures; None where a side is shorter than 161 pixels.

    Raises:
        ValueError: pictures of different shapes.
    """
    check_alike(a, b)
    if min(a.shape[:2]) < MS_SSIM_MIN_SIDE:
        return None
    x = a.transpose(2, 0, 1).astype(np.float32)
    y = b.transpose(2, 0, 1).astype(np.float32)
    result = np.ones(3)
    for scale, weight in enumerate(_SCALE_WEIGHTS):
        last = scale + 1 == len(_SCALE_WEIGHTS)
        similarity, contrast = ssim(x, y)
        # A negative mean has no real power; nothing is less alike than not at all.
        result *= np.maximum(similarity if last else contrast, 0) ** weight
        if not last:
            x, y = _halve(x), _halve(y)
    return float(result.mean())


def ssim(
    x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean SSIM, and mean of its contrast-structure factor, of each plane of [C, H, W], 0..255."""
    mean_x, mean_y = _blur(x), _blur(y)
    product = mean_x * mean_y
    squares = mean_x**2 + mean_y**2
    covariance = _blur(x * y) - product
    variances = _blur(x**2 + y**2) - squares  # of x and y, only their sum is needed
    contrast = (2 * covariance + _C2) / (variances + _C2)
    similarity = contrast * (2 * product + _C1) / (squares + _C1)
    axes = (1, 2)
    return similarity.mean(axes, dtype=np.float64), contrast.mean(axes, dtype=np.float64)


def _gaussian() -> npt.NDArray[np.float64]:
    offsets = np.arange(_WINDOW) - _WINDOW // 2
    window = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    return window / window.sum()


def _blur(planes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Gaussian window over [C, H, W], only where it fits whole: [C, H - 10, W - 10]."""
    window, edge = _gaussian(), _WINDOW // 2
    rows = correlate1d(planes, window, axis=1)[:, edge:-edge]
    return correlate1d(rows, window, axis=2)[:, :, edge:-edge]


def _halve(planes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Mean of each 2 x 2 block of [C, H, W]; an odd last row or column pairs with itself."""
    _, height, width = planes.shape
    planes = np.pad(planes, ((0, 0), (0, height % 2), (0, width % 2)), mode="symmetric")
    rows = planes[:, 0::2] + planes[:, 1::2]
    return (rows[:, :, 0::2] + rows[:, :, 1::2]) / 4


def check_alike(a: Picture, b: Picture) -> None:
    """Raises `ValueError` for pictures of different shapes."""
    if a.shape != b.shape or a.ndim != 3:
        raise ValueError(f"pictures of shapes {a.shape} and {b.shape} cannot be compared")
