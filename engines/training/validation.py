# SPDX-License-Identifier: GPL-3.0-or-later
"""How good the averaged weights are on whole pictures at a few rates, SNRs and realisms."""

from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from percast.engines.networks import STRIDE
from percast.engines.training import channel
from percast.engines.training.config import Config, Point
from percast.engines.training.data import seeds
from percast.engines.training.data.pictures import Pictures
from percast.engines.training.link import Link
from percast.engines.training.losses.perceptual import Perceptual
from percast.errors import FileError

_CHANNELS_PER_CBR = 2 * 3 * STRIDE**2
_SHOWN = 4  # pictures on the sheet
_SHOWN_SIDE = 256  # pixels of each at most


class Score(NamedTuple):
    """Means over the pictures; LPIPS is None without its weights."""

    psnr_db: float
    lpips: float | None


class Validation:
    """Always the same pictures through the same noise (AWGN), so that scores can be compared.

    Computed in fp32 whatever the run's precision: weights that all lie on the grid of fp16, as
    those loaded from a file do, fall on ties when they are rounded to bf16, and the first step
    then costs 0.006 of LPIPS in bf16 that no engine would lose.

    Args:
        pictures: to validate on; the first `config.validation_pictures` are used.
        config: of the run.
        device: to compute on.
        perceptual: on the device, or None.
    """

    def __init__(
        self,
        pictures: Pictures,
        config: Config,
        device: torch.device,
        perceptual: Perceptual | None,
    ):
        self._config, self._device, self._perceptual = config, device, perceptual
        count = min(len(pictures), config.validation_pictures)
        self._pictures = [_whole_blocks(pictures[index]) for index in range(count)]

    @property
    def names(self) -> list[str]:
        """Of the points, for column heads."""
        return [point_name(point) for point in self._config.validation_points]

    @torch.inference_mode()
    def __call__(self, link: Link) -> tuple[dict[str, Score], list[np.ndarray]]:
        """Scores by point; and pictures side by side, original first, uint8 [H, W, 3] each.

        Both are empty without pictures.
        """
        figures: dict[str, list[tuple[float, float | None]]] = {name: [] for name in self.names}
        rows: list[np.ndarray] = []
        for index, picture in enumerate(self._pictures):
            original = _to_tensor(picture, self._device)
            row = [picture]
            for point, name in zip(self._config.validation_points, self.names, strict=True):
                received = self._send(link, original, point, index)
                figures[name].append(self._score(received, original))
                row.append(_to_picture(received))
            if index < _SHOWN:
                rows.append(np.hstack([_middle(one) for one in row]))
        if not self._pictures:
            return {}, []
        scores = {}
        for name, values in figures.items():
            lpips = [value for _, value in values]
            scores[name] = Score(
                fmean(value for value, _ in values), None if None in lpips else fmean(lpips)
            )
        return scores, rows

    def _send(self, link: Link, original: Tensor, point: Point, index: int) -> Tensor:
        """The picture as received, in whole 256ths, float32 [1, 3, H, W]."""
        channels, snr_db, realism = point
        root = seeds.sequence(seeds.Purpose.VALIDATION, self._config.seed, 0, index)
        generator = seeds.device_generator(root, self._device)

        def one(value: float) -> Tensor:
            return torch.tensor([value], dtype=torch.float32, device=self._device)

        conditions = channel.Conditions(
            channels=torch.tensor([channels], device=self._device),
            snr_db=one(snr_db),
            fades=torch.tensor([False], device=self._device),
            erased=one(0),
            realism=one(realism),
        )
        grid = (original.shape[2] // STRIDE, original.shape[3] // STRIDE)
        air = channel.draw_air(conditions, *grid, generator)
        received, _ = link(original, conditions, air)
        return (received.clamp(0, 1) * 255).round() / 255

    def _score(self, received: Tensor, original: Tensor) -> tuple[float, float | None]:
        mse = (received - original).square().mean().clamp(min=1e-10)
        lpips = None
        if self._perceptual is not None:
            lpips = float(self._perceptual(received, original, with_texture=False)[0])
        return float(-10 * torch.log10(mse)), lpips


def point_name(point: Point) -> str:
    """As in "1/48 10dB r1": rate, SNR, realism."""
    channels, snr_db, realism = point
    return f"1/{_CHANNELS_PER_CBR / channels:g} {snr_db:g}dB r{realism:g}"


def write_sheet(path: Path, rows: list[np.ndarray]) -> np.ndarray:
    """Rows of pictures below each other, as PNG and uint8 [H, W, 3].

    Raises:
        FileError: it cannot be written.
    """
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows]
    try:
        path.parent.mkdir(exist_ok=True)
        sheet = np.vstack(padded)
        Image.fromarray(sheet).save(path)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
    return sheet


def _whole_blocks(picture: np.ndarray) -> np.ndarray:
    """The middle of a picture whose sides are multiples of 16, a copy."""
    height, width = (side - side % STRIDE for side in picture.shape[:2])
    return _window(picture, height, width).copy()


def _middle(picture: np.ndarray) -> np.ndarray:
    height, width = (min(side, _SHOWN_SIDE) for side in picture.shape[:2])
    return _window(picture, height, width)


def _window(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    y, x = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[y : y + height, x : x + width]


def _to_tensor(picture: np.ndarray, device: torch.device) -> Tensor:
    """uint8 [H, W, 3] -> float32 [1, 3, H, W] in 0..1, channels_last."""
    return torch.from_numpy(picture)[None].to(device).permute(0, 3, 1, 2).float() / 255


def _to_picture(image: Tensor) -> np.ndarray:
    """float32 [1, 3, H, W] in 0..1 -> uint8 [H, W, 3]."""
    return (image[0] * 255).round().byte().permute(1, 2, 0).cpu().numpy()
