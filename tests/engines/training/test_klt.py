# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 - the imports must follow importorskip
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.training import channel, klt
from percast.engines.training.config import Config
from percast.engines.training.data.pictures import Pictures
from percast.engines.training.link import Link


@pytest.fixture(scope="module")
def pictures(draw):
    parts = [draw(128, 128, seed=seed) for seed in range(8)]
    return Pictures(np.concatenate(parts).reshape(-1, 3), np.full((8, 2), 128))


@pytest.fixture(scope="module")
def link(pictures):
    torch.manual_seed(0)
    small = {f"{part}_blocks": (1, 1, 1) for part in ("encoder", "generator")}
    link = Link(Config(steps=1, **small))
    klt.initialise(link, pictures, np.random.default_rng(0))
    return link


@pytest.fixture(scope="module")
def image(pictures):
    return torch.from_numpy(pictures[0].copy()).permute(2, 0, 1)[None].float() / 255


def test_components_are_orthonormal_and_ordered(pictures):
    random = np.random.default_rng(0)
    components, variances, mean = klt.principal_components(pictures, random, 3000)
    np.testing.assert_allclose(components @ components.T, np.eye(96), atol=1e-4)
    assert (np.diff(variances) <= 1e-6).all() and variances[0] > 10 * variances[20]
    assert mean.shape == (768,) and len(np.unique(mean)) == 3
    assert mean.mean() == pytest.approx(pictures.pixels.mean() / 255, abs=0.02)


def test_the_linear_paths_are_each_others_inverse(link, image):
    with torch.no_grad():
        restored = torch.nn.functional.pixel_shuffle(
            link.generator.linear(link.encoder.linear(image)), 16
        )
    assert (restored - image).square().mean() < 1e-3  # all but what 96 of 768 components miss


def test_power_goes_by_the_root_of_the_variance(link, pictures):
    """SoftCast: gain lambda^(-1/4), so a component is sent with power lambda^(1/2)."""
    images = torch.from_numpy(np.stack([pictures[i] for i in range(8)]))
    with torch.no_grad():
        latent = link.encoder.linear(images.permute(0, 3, 1, 2).float() / 255)
    power = latent.square().mean((0, 2, 3)).numpy()
    _, variances, _ = klt.principal_components(pictures, np.random.default_rng(1), 20_000)
    strong = slice(0, 30)
    slope = np.polyfit(np.log(variances[strong]), np.log(power[strong]), 1)[0]
    assert slope == pytest.approx(0.5, abs=0.15)
    assert power.mean() == pytest.approx(0.5, rel=0.3)


def test_pictures_arrive_before_any_training_and_better_at_higher_rates(link, image):
    def psnr(channels, snr_db):
        c = channel.Conditions(
            torch.tensor([channels]), torch.tensor([snr_db]), torch.tensor([False]),
            torch.zeros(1), torch.zeros(1),
        )  # fmt: skip
        air = channel.draw_air(c, 8, 8, torch.Generator().manual_seed(0))
        with torch.no_grad():
            received, _ = link(image, c, air)
        return -10 * torch.log10((received - image).square().mean()).item()

    rates = [psnr(channels, 19.0) for channels in (8, 16, 32, 64)]
    assert rates[0] > 17 and rates == sorted(rates)
    assert psnr(64, 19.0) > psnr(64, 9.0) + 1 > psnr(64, -1.0) + 2
