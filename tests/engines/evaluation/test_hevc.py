# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import skimage.data

from percast.engines.evaluation.hevc import encode_within
from percast.engines.metrics import psnr

pytest.importorskip("av", reason="pip install 'percast[video]'")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.coffee()[100:292, 100:356])


def test_the_budget_is_kept_and_used(photo):
    quality = []
    for budget in (8_000, 20_000, 60_000):
        rgb, bits = encode_within(photo, budget)
        assert 0.6 * budget < bits <= budget
        assert rgb.shape == photo.shape
        quality.append(psnr(photo, rgb))
    assert quality[0] < quality[1] < quality[2]


def test_what_does_not_fit_is_none(photo):
    assert encode_within(photo, 500) is None
