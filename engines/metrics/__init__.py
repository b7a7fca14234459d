# SPDX-License-Identifier: GPL-3.0-or-later
"""How like the original a received picture is: PSNR, MS-SSIM, LPIPS, DISTS, and FID of a set.

No torch. Pictures are RGB, uint8 [H, W, 3]. All but FID are symmetric in their arguments.
"""

from percast.engines.metrics.deep import LPIPS_MIN_SIDE, Dists, Lpips, LpipsVgg
from percast.engines.metrics.pixels import MS_SSIM_MIN_SIDE, ms_ssim, psnr
from percast.engines.metrics.weights import (
    NEEDED,
    WEIGHT_FILES,
    find_weights,
    missing_weights,
    perceptual_cache,
)

__all__ = [
    "LPIPS_MIN_SIDE",
    "MS_SSIM_MIN_SIDE",
    "NEEDED",
    "WEIGHT_FILES",
    "Dists",
    "Lpips",
    "LpipsVgg",
    "find_weights",
    "missing_weights",
    "ms_ssim",
    "perceptual_cache",
    "psnr",
]
