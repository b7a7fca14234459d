# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from percast.blocks.images import fit, parse_size
from percast.errors import UsageError


@pytest.mark.parametrize("text", ["256x128", "256X128", " 256x128 "])
def test_a_size_is_width_then_height(text):
    assert parse_size(text) == (256, 128)


NO_SIZE = ["", "256", "256x", "x256", "256x256x3", "-64x64", "²64x64", "1e3x64"]


@pytest.mark.parametrize("text", NO_SIZE)
def test_a_size_that_is_no_size_is_a_usage_error(text):
    with pytest.raises(UsageError, match="WIDTHxHEIGHT"):
        parse_size(text)


@pytest.mark.parametrize("text", ["63x64", "64x2161", "999999x64"])
def test_a_size_that_cannot_be_sent_is_a_usage_error(text):
    with pytest.raises(UsageError, match="64..2160"):
        parse_size(text)


def test_a_picture_of_the_wanted_size_is_not_touched(make_rgb):
    rgb = make_rgb(96, 64)
    assert fit(rgb, (96, 64)) is rgb


def test_a_picture_that_only_needs_cropping_keeps_its_centre_exactly(make_rgb):
    rgb = make_rgb(200, 100)
    np.testing.assert_array_equal(fit(rgb, (100, 100)), rgb[:, 50:150])
    tall = rgb.transpose(1, 0, 2)
    np.testing.assert_array_equal(fit(tall, (100, 100)), tall[50:150])


@pytest.mark.parametrize("given", [(640, 480), (2000, 500), (70, 300), (3001, 1999), (32, 32)])
def test_a_fitted_picture_shows_the_centre_in_the_wanted_size(make_rgb, given):
    fitted = fit(make_rgb(*given), (128, 96))
    assert fitted.shape == (96, 128, 3) and fitted.dtype == np.uint8
    # The gradients are linear, hence the middle of the picture stays the middle.
    middle = fitted[40:56, 56:72].mean(axis=(0, 1))
    np.testing.assert_allclose(middle[:2], [100, 110], atol=2)


def test_shrinking_averages_instead_of_picking_pixels():
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(fit(stripes, (64, 64)).astype(int) - 127).max() < 5
