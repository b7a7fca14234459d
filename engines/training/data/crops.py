# SPDX-License-Identifier: GPL-3.0-or-later
"""Random crops of the training pictures: random place, scale (1 to 2 times smaller) and flip.

Shrinking shows the same textures at many scales, and sharper than the pictures themselves.
"""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from percast.engines.training.data import seeds
from percast.engines.training.data.pictures import Pictures

MOST_SHRINKING = 2.0
_SCALES_PER_BATCH = 4  # on a device, where all crops of one tensor operation have one scale


class Crops(Protocol):
    """Batches by step: float32 [batch, 3, crop, crop] in 0..1, channels_last, on the device.

    The same step gives the same batch, whatever was asked for before.
    """

    def __call__(self, step: int) -> Tensor: ...


class _Place(NamedTuple):
    """Where a crop is taken. All of these are drawn before any is cut, so that it does not matter
    who cuts which."""

    picture: int
    y: int
    x: int
    side: int
    flipped: bool


class HostCrops:
    """Crops drawn by Pillow.

    Args:
        pictures: all at least `crop` pixels a side.
        batch, crop: how many, and their side in pixels.
        seed, process: see `seeds`.
        device: where the batches go.
        ahead: whether to draw the next batch meanwhile, in as many threads as this process has
            processors. Good beside a GPU; on a CPU it would only take the core that computes.
    """

    def __init__(
        self,
        pictures: Pictures,
        batch: int,
        crop: int,
        seed: int,
        process: int,
        device: torch.device,
        ahead: bool = False,
    ):
        self._pictures, self._batch, self._crop = pictures, batch, crop
        self._seed, self._process, self._device = seed, process, device
        self._pool = ThreadPoolExecutor(1) if ahead else None
        self._cutters = ThreadPoolExecutor(len(os.sched_getaffinity(0))) if ahead else None
        self._next: tuple[int, Future[Tensor]] | None = None

    def __call__(self, step: int) -> Tensor:
        if self._pool is None:
            batch = self._draw(step)
        else:
            if self._next is None or self._next[0] != step:
                self._next = step, self._pool.submit(self._draw, step)
            batch = self._next[1].result()
            self._next = step + 1, self._pool.submit(self._draw, step + 1)
        planes = batch.to(self._device, non_blocking=True).permute(0, 3, 1, 2)
        # [N, H, W, 3] read as [N, 3, H, W] is channels_last as it lies.
        return planes.float() / 255

    def _draw(self, step: int) -> Tensor:
        """uint8 [batch, crop, crop, 3]."""
        random = seeds.host_generator(
            seeds.sequence(seeds.Purpose.CROPS, self._seed, self._process, step)
        )
        places = [self._place(random) for _ in range(self._batch)]
        each = self._cutters.map if self._cutters else map
        batch = torch.from_numpy(np.stack(list(each(self._cut, places))))
        return batch.pin_memory() if self._device.type == "cuda" else batch

    def _place(self, random: np.random.Generator) -> _Place:
        picture = int(random.integers(len(self._pictures)))
        height, width = self._pictures.sizes[picture].tolist()
        most = min(MOST_SHRINKING, min(height, width) / self._crop)
        side = round(self._crop * random.uniform(1, most))
        y, x = random.integers(height - side + 1), random.integers(width - side + 1)
        return _Place(picture, int(y), int(x), side, random.random() < 0.5)

    def _cut(self, place: _Place) -> np.ndarray:
        picture, y, x, side, flipped = place
        crop = self._pictures[picture][y : y + side, x : x + side]
        if side != self._crop:
            size = (self._crop, self._crop)
            crop = np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.BICUBIC))
        return crop[:, ::-1] if flipped else crop


class DeviceCrops:
    """Crops drawn on a GPU that holds all pictures, so that Python is never waited for.

    A batch is four groups; the crops of a group are shrunk alike and come from the pictures that
    are large enough for that.

    Args: as of `HostCrops`.
    """

    def __init__(
        self,
        pictures: Pictures,
        batch: int,
        crop: int,
        seed: int,
        process: int,
        device: torch.device,
    ):
        self._batch, self._crop, self._device = batch, crop, device
        self._seed, self._process = seed, process
        sides = pictures.sizes.min(1)
        order = np.argsort(-sides, kind="stable")  # the largest first
        self._sides = sides[order]
        # Half of the pictures can be shrunk as far as any crop is.
        self._most = min(MOST_SHRINKING, float(np.median(sides)) / crop)
        self._pixels = _to_device(pictures.pixels, device)
        self._heights = torch.from_numpy(pictures.sizes[order, 0]).to(device)
        self._widths = torch.from_numpy(pictures.sizes[order, 1]).to(device)
        self._starts = torch.from_numpy(pictures.starts[:-1][order]).to(device)

    def __call__(self, step: int) -> Tensor:
        root = seeds.sequence(seeds.Purpose.CROPS, self._seed, self._process, step)
        host_seeds, device_seeds = root.spawn(2)
        random = seeds.host_generator(host_seeds)
        generator = seeds.device_generator(device_seeds, self._device)
        groups = np.array_split(np.arange(self._batch), min(_SCALES_PER_BATCH, self._batch))
        parts = [self._group(len(group), random, generator) for group in groups]
        return torch.cat(parts).contiguous(memory_format=torch.channels_last)

    def _group(self, count: int, random: np.random.Generator, generator: torch.Generator) -> Tensor:
        """float32 [count, 3, crop, crop] at one scale."""
        side = round(self._crop * random.uniform(1, self._most))
        enough = int(np.searchsorted(-self._sides, -side, side="right"))

        def uniform(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator, device=self._device)

        picture = torch.randint(enough, (count,), generator=generator, device=self._device)
        y = (uniform(count) * (self._heights[picture] - side + 1)).long()
        x = (uniform(count) * (self._widths[picture] - side + 1)).long()
        inside = torch.arange(side, device=self._device)
        rows = (
            self._starts[picture][:, None] + (y[:, None] + inside) * self._widths[picture][:, None]
        )
        places = rows[:, :, None] + (x[:, None] + inside)[:, None, :]
        crops = self._pixels[places].permute(0, 3, 1, 2).float() / 255
        if side != self._crop:
            size = (self._crop, self._crop)
            crops = F.interpolate(crops, size, mode="bicubic", antialias=True).clamp(0, 1)
        return torch.where(uniform(count, 1, 1, 1) < 0.5, crops.flip(3), crops)


def open_crops(
    pictures: Pictures,
    where: str,
    batch: int,
    crop: int,
    seed: int,
    process: int,
    device: torch.device,
) -> Crops:
    """Crops drawn where it is best.

    Args:
        where: host, device, or auto: on a GPU if the pictures take less than half of what is
            free there.
        others: as of `HostCrops`.
    """
    on_gpu = device.type == "cuda"
    if where == "auto":
        fits = on_gpu and pictures.pixels.nbytes < torch.cuda.mem_get_info(device)[0] / 2
        where = "device" if fits else "host"
    if where == "device":
        return DeviceCrops(pictures, batch, crop, seed, process, device)
    return HostCrops(pictures, batch, crop, seed, process, device, ahead=on_gpu)


def _to_device(pixels: np.ndarray, device: torch.device) -> Tensor:
    """uint8 [all pixels, 3], copied in pieces: a mapped file need not fit into memory."""
    tensor = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    piece = 1 << 26
    for first in range(0, len(pixels), piece):
        part = np.array(pixels[first : first + piece])
        tensor[first : first + len(part)] = torch.from_numpy(part)
    return tensor
