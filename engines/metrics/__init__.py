# SPDX-License-Identifier: GPL-3.0-or-later
"""How like the original a received picture is: PSNR, MS-SSIM, LPIPS, DISTS; FID and KID of a set.

- `pixels`: PSNR and MS-SSIM
- `deep`: LPIPS and DISTS, by the networks of `deep_networks`
- `fid`, `kid`: of a set of pictures, by the features of `inception`
- `graph`: OpenVINO networks, built layer by layer
- `weights`: where the networks' weights lie; `fetch` gets them, `unpickle` reads them

No torch. Pictures are RGB, uint8 [H, W, 3]. All but FID and KID are symmetric in their arguments.
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
