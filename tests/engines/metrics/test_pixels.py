# SPDX-License-Identifier: GPL-3.0-or-later
from math import inf

import numpy as np
import pytest
from skimage.filters import gaussian
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from percast.engines.metrics import ms_ssim, psnr
from percast.engines.metrics.pixels import ssim


def test_psnr_is_that_of_scikit_image(pair):
    assert psnr(*pair) == pytest.approx(peak_signal_noise_ratio(*pair), abs=1e-4)


def test_equal_pictures_have_infinite_psnr(pair):
    assert psnr(pair[0], pair[0]) == inf


def test_psnr_of_black_and_white_is_zero():
    black = np.zeros((8, 8, 3), np.uint8)
    assert psnr(black, black + 255) == 0


def test_one_scale_of_ms_ssim_is_the_ssim_of_scikit_image(pair):
    planes = [picture.transpose(2, 0, 1).astype(np.float32) for picture in pair]
    found = ssim(*planes)[0].mean()
    _, full = structural_similarity(
        *pair, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        truncate=3.5, full=True,
    )  # fmt: skip
    assert found == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-5)


def test_ms_ssim_is_that_of_pytorch_msssim(pair):
    """Version 1.0.0, in float64. Sides that halve evenly: it pads odd ones with zeros."""
    assert ms_ssim(*(picture[:192, :240] for picture in pair)) == pytest.approx(0.857884, abs=1e-5)


def test_ms_ssim_of_equal_pictures_is_one(pair):
    assert ms_ssim(pair[0], pair[0]) == pytest.approx(1)


def test_ms_ssim_of_opposite_pictures_is_a_number(pair):
    assert 0 <= ms_ssim(pair[0], 255 - pair[0]) < 0.5


def test_ms_ssim_needs_161_pixels(pair):
    assert ms_ssim(*(picture[:161, :161] for picture in pair)) is not None
    assert ms_ssim(*(picture[:160] for picture in pair)) is None


@pytest.mark.parametrize("metric", [psnr, ms_ssim])
def test_more_blur_is_worse(metric, pair):
    picture = pair[0]
    blurred = [gaussian(picture, s, channel_axis=2, preserve_range=True) for s in (1, 2, 4)]
    scores = [metric(picture, x.astype(np.uint8)) for x in blurred]
    assert scores == sorted(scores, reverse=True)
    assert metric(picture, pair[1]) == metric(pair[1], picture)


@pytest.mark.parametrize("metric", [psnr, ms_ssim])
def test_pictures_of_different_shapes_are_not_compared(metric, pair):
    with pytest.raises(ValueError, match="compared"):
        metric(pair[0], pair[1][1:])
