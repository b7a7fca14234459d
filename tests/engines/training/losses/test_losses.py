# SPDX-License-Identifier: GPL-3.0-or-later
"""Each term of the loss must be there, with its sign, its weight and its realism."""

# ruff: noqa: E402 - the imports must follow importorskip
from math import log

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.training.config import Config
from percast.engines.training.losses import terms as losses
from percast.engines.training.losses.terms import Terms

CONFIG = Config(
    steps=1, mse_weight=150.0, lpips_weight=1.0, texture_weight=0.5, adversarial_weight=0.15,
    lifelike_mse=0.2, perceptual_floor=0.02,
)  # fmt: skip
ONE, NONE = torch.ones(2), torch.zeros(2)


def loss(mse=NONE, lpips=NONE, texture=NONE, realism=ONE, config=CONFIG):
    terms = Terms(mse, lpips, texture)
    return float(losses.distortion_loss(terms, realism, config))


@pytest.mark.parametrize("realism", [0.0, 0.5, 1.0])
def test_every_distance_counts_with_its_weight(realism):
    at = torch.full((2,), realism)
    share = 0.02 + 0.98 * realism
    faithful = 150 * (1 - 0.8 * realism)
    assert loss(mse=ONE, realism=at) == pytest.approx(faithful)
    assert loss(lpips=ONE, realism=at) == pytest.approx(share)
    assert loss(texture=ONE, realism=at) == pytest.approx(0.5 * share)
    assert loss(ONE, ONE, ONE, at) == pytest.approx(faithful + 1.5 * share)


def test_realism_weighs_each_crop_by_its_own():
    realism, lpips = torch.tensor([0.0, 1.0]), torch.tensor([3.0, 5.0])
    assert loss(lpips=lpips, realism=realism) == pytest.approx((0.02 * 3 + 5) / 2)


def logits(value, count=2):
    return torch.full((count, 1, 3, 3), float(value), requires_grad=True)


def test_networks_gain_by_pictures_that_are_taken_for_originals():
    def fooling(value):
        return losses.fooling_loss(logits(value), ONE, CONFIG, 2)

    assert fooling(0).item() == pytest.approx(0.15 * log(2))
    assert fooling(5) < fooling(0) < fooling(-5)
    x = logits(-5)
    losses.fooling_loss(x, ONE, CONFIG, 2).backward()
    # Non-saturating: a picture that is seen through still has the full slope, upwards.
    assert x.grad.sum().item() == pytest.approx(-0.15, rel=0.02)


def test_the_adversary_weighs_crops_by_realism_over_the_whole_batch():
    realism = torch.tensor([0.0, 0.5])
    fooled = losses.fooling_loss(logits(0), realism, CONFIG, 8)
    assert fooled.item() == pytest.approx(0.15 * 0.5 * log(2) / 8)


def test_the_discriminator_gains_by_telling_them_apart():
    def judging(real, fake):
        return losses.discriminator_loss(logits(real), logits(fake)).item()

    assert judging(0, 0) == pytest.approx(2 * log(2))
    assert judging(3, 0) < judging(0, 0) < judging(-3, 0)
    assert judging(0, -3) < judging(0, 0) < judging(0, 3)
    assert judging(20, -20) == pytest.approx(0, abs=1e-6)
