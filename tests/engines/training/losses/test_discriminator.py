# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 - the imports must follow importorskip
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.training.config import Config
from percast.engines.training.distributed import Group
from percast.engines.training.losses import terms as losses
from percast.engines.training.losses.adversary import Adversary
from percast.engines.training.losses.discriminator import Discriminator

CONFIG = Config(
    steps=1, batch=8, warmup=1, discriminator_channels=(8, 8, 8, 8), discriminator_lr=0.003
)


@pytest.fixture
def discriminator():
    torch.manual_seed(0)
    return Discriminator(CONFIG.discriminator_channels)


@pytest.fixture
def adversary(discriminator):
    return Adversary(CONFIG, Group(0, 1, torch.device("cpu")), discriminator)


def batch(seed=0):
    """Sharp originals, flat pictures, latents, ascending realism."""
    random = torch.Generator().manual_seed(seed)
    original = torch.rand((8, 3, 64, 64), generator=random)
    flat = original.mean((2, 3), keepdim=True).expand_as(original).clone()
    return original, flat, torch.randn((8, 96, 4, 4), generator=random), torch.linspace(0, 1, 8)


def test_patches_are_judged_one_by_one(discriminator):
    image, _, latent, _ = batch()
    discriminator.eval()  # no power iteration between two passes
    logits = discriminator(image, latent)
    assert logits.shape == (8, 1, 7, 7)
    changed = image.clone()
    changed[:, :, :16, :16] = 0
    moved = (discriminator(changed, latent) - logits).abs().amax((0, 1))
    assert moved[0, 0] > 1e-4 and moved[-1, -1] < 1e-6


def test_the_transmitted_latent_is_seen(discriminator):
    image, _, latent, _ = batch()
    discriminator.eval()
    other = discriminator(image, latent.flip(0))
    assert (other - discriminator(image, latent)).abs().max() > 1e-3


def test_spectral_norms_bound_every_layer(discriminator):
    image, _, latent, _ = batch()
    with torch.no_grad():
        for layer in discriminator.layers:
            layer.parametrizations.weight.original.mul_(100)
        for _ in range(20):  # the norms are estimated by power iteration, one step each pass
            discriminator(image, latent)
    for layer in (*discriminator.layers, discriminator.head):
        largest = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item()
        assert largest == pytest.approx(1, abs=0.1)


def test_it_learns_to_tell_and_then_pulls_pictures_towards_originals(adversary):
    for step in range(30):
        original, flat, latent, realism = batch(step)
        adversary.prepare(share=0.0)
        loss, norm = adversary.learn(original, flat, latent)
    assert norm > 0
    assert loss < 1.0 and adversary.age == 30  # of 1.39 for one that cannot tell
    original, flat, latent, realism = batch(99)
    fooled = [adversary.fooling(picture, latent, realism) for picture in (flat, original)]
    assert fooled[0] > fooled[1]

    picture = flat.clone().requires_grad_(True)
    adversary.fooling(picture, latent, realism).backward()
    with torch.no_grad():
        better = picture - 0.05 * picture.grad.sign()
    assert adversary.fooling(better, latent, realism) < fooled[0]
    assert not picture.grad[0].any() and picture.grad[-1].any()  # realism 0, and 1


def test_the_networks_step_leaves_the_discriminator_alone(adversary, discriminator):
    _, flat, latent, realism = batch()
    picture = flat.requires_grad_(True)
    sent = latent.requires_grad_(True)
    adversary.fooling(picture, sent, realism).backward()
    assert all(p.grad is None and p.requires_grad for p in discriminator.parameters())
    assert sent.grad is None  # as condition, the latent is not for the encoder to bend


def test_the_discriminators_step_leaves_the_networks_alone(adversary):
    original, flat, latent, _ = batch()
    flat.requires_grad_(True)
    adversary.learn(original, flat, latent)
    assert flat.grad is None


def test_fooling_is_the_loss_of_the_crops_that_feel_it(adversary, discriminator):
    _, flat, latent, _ = batch()
    realism = torch.tensor([0.0, 0.0, 0.1, 0.2, 0.5, 1.0, 1.0, 1.0])
    first = 1  # floor(0.2 * 8)
    discriminator.eval()  # no power iteration between two passes
    with torch.autocast("cpu", torch.bfloat16):
        logits = discriminator(flat[first:], latent[first:])
    expected = losses.fooling_loss(logits, realism[first:], CONFIG, 8)
    torch.testing.assert_close(adversary.fooling(flat, latent, realism), expected)
