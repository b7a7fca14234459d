# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 - the imports must follow importorskip
import os
import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.training.data.crops import DeviceCrops, HostCrops, open_crops
from percast.engines.training.data.pictures import Pictures, open_pictures

CPU = torch.device("cpu")


def make(kind, pictures, batch=8, crop=64, seed=1, process=0):
    return kind(pictures, batch, crop, seed, process, CPU)


@pytest.fixture(scope="module")
def pictures(images) -> Pictures:
    return open_pictures(images)


@pytest.mark.parametrize("kind", [HostCrops, DeviceCrops])
def test_a_step_gives_the_same_crops_whatever_came_before(kind, pictures):
    first, second = make(kind, pictures), make(kind, pictures)
    expected = [first(step) for step in range(4)]
    assert torch.equal(second(3), expected[3]) and torch.equal(second(1), expected[1])
    assert not torch.equal(expected[0], expected[1])
    assert not torch.equal(make(kind, pictures, seed=2)(0), expected[0])
    assert not torch.equal(make(kind, pictures, process=1)(0), expected[0])


def test_crops_drawn_ahead_are_the_same(pictures):
    ahead = HostCrops(pictures, 8, 64, 1, 0, CPU, ahead=True)
    plain = make(HostCrops, pictures)
    for step in (0, 1, 2, 7, 8):
        assert torch.equal(ahead(step), plain(step))


def test_crops_drawn_ahead_are_cut_by_all_processors_at_once(pictures, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    met = threading.Barrier(3, timeout=10)
    cut = HostCrops._cut

    def cut_together(self, place):
        met.wait()
        return cut(self, place)

    monkeypatch.setattr(HostCrops, "_cut", cut_together)
    assert HostCrops(pictures, 3, 64, 1, 0, CPU, ahead=True)(0).shape == (3, 3, 64, 64)


@pytest.mark.parametrize("kind", [HostCrops, DeviceCrops])
def test_crops_are_ready_for_the_networks(kind, pictures):
    crops = make(kind, pictures, batch=6)(0)
    assert crops.shape == (6, 3, 64, 64) and crops.dtype == torch.float32
    assert crops.is_contiguous(memory_format=torch.channels_last)
    assert 0 <= crops.min() < crops.max() <= 1


@pytest.mark.parametrize("kind", [HostCrops, DeviceCrops])
def test_crops_are_pieces_of_the_pictures_flipped_or_not(kind):
    """Pictures no larger than the crop leave no choice but the picture and the flip."""
    rng = np.random.default_rng(0)
    sources = rng.integers(0, 256, (3, 64, 64, 3), np.uint8)
    pictures = Pictures(sources.reshape(-1, 3), np.full((3, 2), 64))
    known = {s.tobytes(): (i, 0) for i, s in enumerate(sources)}
    known |= {s[:, ::-1].tobytes(): (i, 1) for i, s in enumerate(sources)}
    crops = make(kind, pictures, batch=64)(0)
    pieces = (crops * 255).round().byte().permute(0, 2, 3, 1).numpy()
    assert {known[piece.tobytes()] for piece in pieces} == {
        (i, f) for i in range(3) for f in (0, 1)
    }


@pytest.mark.parametrize("kind", [HostCrops, DeviceCrops])
def test_crops_come_from_everywhere_at_scales_up_to_two(kind):
    """On a picture whose colours are its coordinates, a crop tells where it was taken."""
    y, x = np.mgrid[0:256, 0:256]
    ramp = np.stack([y, x, np.zeros_like(x)], -1).astype(np.uint8)
    pictures = Pictures(ramp.reshape(-1, 3), np.array([[256, 256]]))
    crops = torch.cat([make(kind, pictures, batch=32)(step) for step in range(8)]) * 255
    rows = crops[:, 0].mean(2)  # [N, crop]
    scale = (rows[:, -2] - rows[:, 1]) / 61
    assert scale.min() < 1.1 and scale.max() > 1.8 and scale.max() < 2.05
    middle = crops.mean((2, 3))
    assert middle[:, :2].min() < 50 and middle[:, :2].max() > 205


def test_small_pictures_are_never_read_beyond_their_edges():
    """Each picture is of one colour: a crop across an edge would have two."""
    sizes = np.array([[64, 64], [70, 300], [200, 65], [130, 140], [90, 80]])
    colours = np.arange(5, dtype=np.uint8) * 50
    pixels = np.repeat(colours, sizes.prod(1))[:, None].repeat(3, 1)
    pictures = Pictures(pixels, sizes)
    for kind in (HostCrops, DeviceCrops):
        crops = torch.cat([make(kind, pictures, batch=32)(step) for step in range(10)])
        assert (crops.amax((1, 2, 3)) - crops.amin((1, 2, 3))).max() < 0.5 / 255
        assert len(crops.mean((1, 2, 3)).mul(255).round().unique()) == 5


def test_without_a_gpu_crops_are_drawn_on_the_host(pictures):
    assert isinstance(open_crops(pictures, "auto", 4, 64, 0, 0, CPU), HostCrops)
    assert isinstance(open_crops(pictures, "device", 4, 64, 0, 0, CPU), DeviceCrops)
