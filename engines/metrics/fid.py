# SPDX-License-Identifier: GPL-3.0-or-later
"""Frechet Inception distance of a set of received pictures from their originals.

Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium",
NIPS 2017: the distance of the Gaussians with the means and covariances of Inception's features,

    |mean_x - mean_y|^2 + tr(cov_x + cov_y - 2 (cov_x cov_y)^(1/2)).

Photographs are cut into patches of 256 x 256, as is usual in compression (Mentzer et al.,
"High-fidelity generative image compression", NeurIPS 2020, appendix A.7: non-overlapping patches,
and once more shifted by half a patch).

FID is biased upward for small sets: with fewer patches than the 2,048 features the covariances
have not even full rank. Figures are comparable over the same pictures only, then.
"""

from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import qr, svdvals

from percast.engines.codecs.contract import Picture
from percast.engines.metrics.weights import NEEDED, find_weights, load, missing_weights
from percast.errors import ModelError

PATCH = 256
"""Pixels a side; smaller pictures have none."""

FEATURES = 2048
FEW_PATCHES = 2048
"""With fewer, FID says little about other sets."""

_AT_ONCE = 8  # patches, so that memory does not grow with the picture
_HELD = 2 * FEATURES  # rows kept as they are


class InceptionFeatures:
    """Features of pictures' patches, by OpenVINO in fp32. One thread may use it at a time.

    Args:
        folder: with the file `percast.engines.metrics.weights.NEEDED["fid"]`.
        threads: to compute with.

    Raises:
        ModelError: missing or damaged weights, or no OpenVINO.
    """

    def __init__(self, folder: Path, threads: int = 1):
        if missing := missing_weights(folder, "fid"):
            raise ModelError(f"{folder} holds no {missing[0]}: FID needs it")
        self._open(folder / NEEDED["fid"][0], threads)

    @classmethod
    def open(cls, threads: int = 1) -> Self | None:
        """With the weights of `find_weights`; None and one log line without them.

        Raises:
            ModelError: damaged weights, or no OpenVINO.
        """
        if (paths := find_weights("fid")) is None:
            return None
        opened = cls.__new__(cls)
        opened._open(paths[0], threads)
        return opened

    def _open(self, path: Path, threads: int) -> None:
        from percast.engines.metrics import inception  # imported late: it loads OpenVINO

        try:
            self._request = inception.compile_inception(load(path), threads)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error

    def __call__(self, picture: Picture) -> npt.NDArray[np.float32]:
        """uint8 [H, W, 3] -> float32 [patches, 2048]; no rows where a side is below 256."""
        cut = patches(picture)
        parts = [np.zeros((0, FEATURES), np.float32)]
        for first in range(0, len(cut), _AT_ONCE):
            self._request.infer([cut[first : first + _AT_ONCE]])
            parts.append(self._request.get_output_tensor(0).data.copy())
        return np.concatenate(parts)


def patches(picture: Picture) -> npt.NDArray[np.uint8]:
    """uint8 [H, W, 3] -> uint8 [n, 256, 256, 3]: those of the grid, then of the shifted grid."""
    cut = []
    for offset in (0, PATCH // 2):
        rows, columns = ((side - 2 * offset) // PATCH for side in picture.shape[:2])
        for row in range(rows):
            for column in range(columns):
                y, x = offset + row * PATCH, offset + column * PATCH
                cut.append(picture[y : y + PATCH, x : x + PATCH])
    return np.stack(cut) if cut else np.zeros((0, PATCH, PATCH, 3), np.uint8)


class FeatureStatistics:
    """Mean and covariance of features, in bounded memory.

    The scatter about the mean is kept as a factor: factor^T factor = (count - 1) covariance.
    """

    def __init__(self) -> None:
        self._folded = 0
        self._mean = np.zeros(FEATURES)
        self._factor = np.zeros((0, FEATURES))
        self._rows: list[npt.NDArray[np.float64]] = []

    @property
    def count(self) -> int:
        """Patches so far."""
        return self._folded + sum(map(len, self._rows))

    def add(self, features: npt.NDArray[np.float32]) -> None:
        """float32 [n, 2048]"""
        if len(features):
            self._rows.append(features.astype(np.float64))
        if sum(map(len, self._rows)) >= _HELD:
            self._fold()

    def _fold(self) -> None:
        if not self._rows:
            return
        rows = np.concatenate(self._rows)
        self._rows = []
        mean, added = rows.mean(0), len(rows)
        total = self._folded + added
        step = (mean - self._mean) * np.sqrt(self._folded * added / total)
        stacked = np.concatenate([self._factor, rows - mean, step[np.newaxis]])
        self._mean += (mean - self._mean) * (added / total)
        self._folded = total
        if len(stacked) > FEATURES:
            stacked = qr(stacked, mode="r", overwrite_a=True, check_finite=False)[0][:FEATURES]
        self._factor = stacked

    def gaussian(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Mean [2048], and a factor [m, 2048] with factor^T factor = covariance."""
        self._fold()
        return self._mean, self._factor / np.sqrt(max(self.count - 1, 1))


def frechet_distance(x: FeatureStatistics, y: FeatureStatistics) -> float | None:
    """FID of two sets; None where one has fewer than two patches.

    With covariances A^T A and B^T B, tr((A^T A B^T B)^(1/2)) is the sum of the singular values of
    A B^T: as small a matrix as there are patches, and no square root of an ill-conditioned one.
    """
    (mean_x, a), (mean_y, b) = x.gaussian(), y.gaussian()
    if min(x.count, y.count) < 2:
        return None
    traces = np.sum(a * a) + np.sum(b * b)
    cross = svdvals(a @ b.T, check_finite=False).sum()
    return float(max(np.sum((mean_x - mean_y) ** 2) + traces - 2 * cross, 0.0))
