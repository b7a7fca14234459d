# SPDX-License-Identifier: GPL-3.0-or-later
import logging
from math import inf

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from percast.engines import metrics
from percast.engines.metrics import WEIGHT_FILES, Lpips, find_perceptual_weights, ms_ssim, psnr
from percast.errors import ModelError


@pytest.fixture(scope="module")
def pair(draw):
    """A picture and a noisy copy."""
    picture = draw(200, 248)
    noise = np.random.default_rng(5).normal(0, 12, picture.shape)
    return picture, np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    monkeypatch.delenv("PERCAST_PERCEPTUAL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "percast" / "perceptual"


def test_psnr_is_that_of_scikit_image(pair):
    assert psnr(*pair) == pytest.approx(peak_signal_noise_ratio(*pair), abs=1e-4)


def test_equal_pictures_have_infinite_psnr(pair):
    assert psnr(pair[0], pair[0]) == inf


def test_psnr_of_black_and_white_is_zero():
    black = np.zeros((8, 8, 3), np.uint8)
    assert psnr(black, black + 255) == 0


def test_one_scale_of_ms_ssim_is_the_ssim_of_scikit_image(pair):
    planes = [picture.transpose(2, 0, 1).astype(np.float32) for picture in pair]
    found = metrics._ssim(*planes)[0].mean()
    _, full = structural_similarity(
        *pair, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        truncate=3.5, full=True,
    )  # fmt: skip
    assert found == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-5)


def test_ms_ssim_is_that_of_pytorch_msssim(pair):
    assert ms_ssim(*pair) == pytest.approx(0.85793, abs=2e-3)


def test_ms_ssim_of_equal_pictures_is_one(pair):
    assert ms_ssim(pair[0], pair[0]) == pytest.approx(1)


def test_ms_ssim_of_opposite_pictures_is_a_number(pair):
    assert 0 <= ms_ssim(pair[0], 255 - pair[0]) < 0.5


def test_ms_ssim_needs_161_pixels(pair):
    assert ms_ssim(*(picture[:161, :161] for picture in pair)) is not None
    assert ms_ssim(*(picture[:160] for picture in pair)) is None


@pytest.mark.parametrize("metric", [psnr, ms_ssim])
def test_pictures_of_different_shapes_are_not_compared(metric, pair):
    with pytest.raises(ValueError, match="compared"):
        metric(pair[0], pair[1][1:])


def test_lpips_is_that_of_the_torch_implementation(pair, perceptual_weights):
    lpips = Lpips(perceptual_weights)
    assert lpips(*pair) == pytest.approx(0.71768, abs=1e-3)
    assert lpips(*(picture[:77, :90] for picture in pair)) == pytest.approx(0.59973, abs=1e-3)
    assert lpips(pair[0], pair[0]) == pytest.approx(0, abs=1e-6)
    assert lpips(*(picture[:31] for picture in pair)) is None


def test_lpips_does_without_weights_and_says_how_to_get_them(no_weights, caplog):
    with caplog.at_level(logging.WARNING):
        assert Lpips.open() is None
    (record,) = caplog.records
    assert "percast eval fetch-weights" in record.getMessage()


def test_weights_are_found_in_the_cache_and_by_the_variable(no_weights, monkeypatch, tmp_path):
    assert find_perceptual_weights() is None
    no_weights.mkdir(parents=True)
    for name in WEIGHT_FILES:
        (no_weights / name).touch()
    assert find_perceptual_weights() == no_weights
    monkeypatch.setenv("PERCAST_PERCEPTUAL", str(tmp_path))
    with pytest.raises(ModelError, match="PERCAST_PERCEPTUAL"):
        find_perceptual_weights()


def test_damaged_weights_are_named(tmp_path):
    with pytest.raises(ModelError, match=WEIGHT_FILES[0]):
        Lpips(tmp_path)
    for name in WEIGHT_FILES:
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(ModelError, match=str(tmp_path)) as caught:
        Lpips(tmp_path)
    assert "\n" not in str(caught.value)
