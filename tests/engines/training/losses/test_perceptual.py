# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 - the imports must follow importorskip
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.metrics import WEIGHT_FILES, Lpips, find_weights
from percast.engines.training.losses.perceptual import Perceptual, at_phase, texture_distance
from percast.errors import ModelError


def to_tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def noise(shape=(4, 8, 24, 24), seed=0, spread=1.0, mean=0.0):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=random) * spread + mean


def files(folder: Path) -> list[Path]:
    return [folder / name for name in WEIGHT_FILES]


@pytest.fixture(scope="module")
def perceptual(some_features) -> Perceptual:
    return Perceptual(files(some_features))


def test_lpips_is_that_of_the_metric(perceptual_weights, draw):
    ours, metric = Perceptual(files(perceptual_weights)), Lpips(perceptual_weights)
    a, b = draw(96, 128, seed=1), draw(96, 128, seed=2)
    grey = (a // 2 + 60).astype(np.uint8)
    for x, y in ((a, b), (a, grey), (b, a)):
        lpips, _ = ours(to_tensor(x), to_tensor(y))
        assert lpips.item() == pytest.approx(metric(x, y), rel=1e-4)


def test_equal_pictures_have_no_distance(perceptual, draw):
    lpips, texture = perceptual(to_tensor(draw(64, 80)), to_tensor(draw(64, 80)))
    assert lpips.item() == 0 and texture.item() == 0


def test_texture_is_left_out_where_it_is_not_wanted(perceptual, draw, monkeypatch):
    pair = to_tensor(draw(64, 64, seed=1)), to_tensor(draw(64, 64, seed=2))
    lpips, texture = perceptual(*pair)
    assert texture.item() > 0
    monkeypatch.setattr("percast.engines.training.losses.perceptual.texture_distance", None)
    without, nothing = perceptual(*pair, with_texture=False)
    assert torch.equal(without, lpips) and nothing.item() == 0


def test_descending_either_distance_makes_pictures_alike(perceptual, draw):
    original = to_tensor(draw(64, 64))
    blurred = torch.nn.functional.avg_pool2d(original, 5, 1, 2)
    for term in (0, 1):
        image = blurred.clone().requires_grad_(True)
        distance = perceptual(image, original)[term].sum()
        distance.backward()
        with torch.no_grad():
            step = image - 1e-3 * image.grad.sign()
            assert perceptual(step, original)[term].sum() < distance
    assert all(not parameter.requires_grad for parameter in perceptual.parameters())


def test_batches_are_judged_picture_by_picture(perceptual, draw):
    a = torch.cat([to_tensor(draw(64, 64, seed=s)) for s in range(3)])
    b = torch.cat([to_tensor(draw(64, 64, seed=s)) for s in (3, 1, 4)])
    for together, alone in zip(
        perceptual(a, b),
        map(torch.cat, zip(*(perceptual(x[None], y[None]) for x, y in zip(a, b, strict=True)),
                           strict=True)),
        strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-6)
        assert together[1] == 0 and together[0] > 0


def test_a_pattern_as_fine_as_the_first_layers_grid_gains_nothing_by_its_phase(perceptual):
    """LPIPS strides by 4: at one phase it prefers one mesh to the same mesh a pixel further on."""
    grey = torch.full((1, 3, 67, 67), 0.5)
    y, x = torch.meshgrid(torch.arange(67), torch.arange(67), indexing="ij")

    def mesh(shift):
        on = ((y + shift) % 4 == 0) & ((x + 2 * shift) % 4 == 0)
        return grey + 0.3 * on

    def seen(shift, phases):
        pairs = ((at_phase(mesh(shift), p, 3), at_phase(grey, p, 3)) for p in phases)
        return sum(perceptual(a, b)[0].item() for a, b in pairs) / len(phases)

    everywhere = torch.cartesian_prod(torch.arange(4), torch.arange(4))
    one = [seen(shift, everywhere[:1]) for shift in range(4)]
    assert max(one) > 1.02 * min(one)
    averages = [seen(shift, everywhere) for shift in range(4)]
    assert averages == pytest.approx([averages[0]] * 4, rel=1e-4)


def test_other_noise_of_the_same_kind_is_nearly_the_same_texture():
    """Means and deviations agree, so it is far nearer than its squared difference of 2."""
    assert texture_distance(noise(seed=1), noise(seed=2), 8).max() < 0.1


def test_texture_sees_a_shifted_mean():
    """Features are scaled to unit mean square of y: a shift of 1 counts 1 / (1 + 1e-4)."""
    y = noise(seed=1)
    scale = y.square().mean((1, 2, 3))
    torch.testing.assert_close(texture_distance(y + 1, y, 8), 1 / scale, rtol=1e-2, atol=0)


def test_texture_sees_a_lack_of_detail():
    """Half the deviation at the same mean: (1 - 1/2)^2 of the deviation, here about 1."""
    y = noise(seed=1)
    assert texture_distance(y / 2, y, 12).mean().item() == pytest.approx(0.25, abs=0.03)
    assert texture_distance(y * 0, y, 12).mean() > 0.8


def test_texture_is_local():
    """The same values elsewhere are another picture."""
    left = noise()
    left[..., 12:] *= 0.1
    assert texture_distance(left.flip(3), left, 8).mean() > 0.3


def test_texture_has_finite_slopes_where_all_is_flat():
    flat = torch.zeros(1, 4, 9, 9, requires_grad=True)
    texture_distance(flat, noise((1, 4, 9, 9)), 4).sum().backward()
    assert torch.isfinite(flat.grad).all()


def test_missing_or_damaged_weights_are_one_line(tmp_path, some_features):
    with pytest.raises(ModelError, match="no usable weights"):
        Perceptual(files(tmp_path))
    for path in some_features.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="no usable weights"):
        Perceptual(files(tmp_path))


def test_training_finds_the_weights_that_the_metric_finds(some_features, tmp_path, monkeypatch):
    """The named folder has some for other metrics only; AlexNet's lie in the cache."""
    named, cache = tmp_path / "named", tmp_path / "percast"
    for folder in (named, cache):
        folder.mkdir()
    (named / "vgg16_features.safetensors").touch()
    (cache / "perceptual").symlink_to(some_features)
    monkeypatch.setenv("PERCAST_PERCEPTUAL", str(named))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert find_weights("lpips") is not None and Perceptual.open() is not None
