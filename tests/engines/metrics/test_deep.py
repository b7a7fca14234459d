# SPDX-License-Identifier: GPL-3.0-or-later
"""LPIPS and DISTS: against their authors' code, against numpy, and as distances."""

import logging

import numpy as np
import pytest
from skimage.filters import gaussian

from percast.engines.metrics import (
    NEEDED,
    WEIGHT_FILES,
    Dists,
    Lpips,
    LpipsVgg,
    find_weights,
)
from percast.engines.metrics.weights import load
from percast.errors import ModelError

DEEP = (Lpips, LpipsVgg, Dists)
_STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))

# On `pair` and on its corner of 77 x 90, by the packages of the authors, lpips 0.1.4 and
# DISTS_pytorch 0.1, in torch with the very same weights.
REFERENCE = {
    Lpips: (0.717677, 0.599733),
    LpipsVgg: (0.557654, 0.497999),
    Dists: (0.367202, 0.328428),
}


@pytest.mark.parametrize("metric", DEEP)
def test_figures_are_those_of_the_authors_code(metric, open_metric, pair):
    distance = open_metric(metric)
    whole, corner = REFERENCE[metric]
    assert distance(*pair) == pytest.approx(whole, abs=1e-5)
    assert distance(*(picture[:77, :90] for picture in pair)) == pytest.approx(corner, abs=1e-5)


@pytest.mark.parametrize("metric", DEEP)
def test_the_less_alike_the_further(metric, open_metric, draw):
    distance = open_metric(metric)
    picture = draw(96, 96)
    rng = np.random.default_rng(0)

    def noisy(deviation):
        return np.clip(picture + rng.normal(0, deviation, picture.shape), 0, 255).astype(np.uint8)

    def blurred(deviation):
        smooth = gaussian(picture, deviation, channel_axis=2, preserve_range=True)
        return np.round(smooth).astype(np.uint8)

    assert distance(picture, picture) == pytest.approx(0, abs=1e-6)
    for worse in (noisy, blurred):
        scores = [distance(picture, worse(amount)) for amount in (1, 4, 16)]
        assert 1e-4 < scores[0] and scores == sorted(scores)
    assert distance(picture, noisy(8)) < distance(picture, draw(96, 96, seed=1))


def convolve(x, weights, number):
    """Rectified, padded by one, in float64: [I, h, w] -> [O, h, w]."""
    kernel, bias = (weights[f"features.{number}.{kind}"] for kind in ("weight", "bias"))
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, ((0, 0), (1, 1), (1, 1))), (3, 3), (1, 2)
    )
    result = np.einsum("ihwyx,oiyx->ohw", windows, kernel.astype(np.float64))
    return np.maximum(result + bias[:, None, None], 0)


def stages(x, weights, pool):
    found = []
    for stage in _STAGES:
        if found:
            x = pool(x)
        for number in stage:
            x = convolve(x, weights, number)
        found.append(x)
    return found


def max_pool(x):
    _, h, w = x.shape
    x = x[:, : h - h % 2, : w - w % 2]
    return np.maximum.reduce([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])


def l2_pool(x):
    padded = np.pad(x**2, ((0, 0), (1, 1), (1, 1)))
    h, w = x.shape[1:]
    total = 0
    for i, a in enumerate((0.25, 0.5, 0.25)):
        for j, b in enumerate((0.25, 0.5, 0.25)):
            total = total + a * b * padded[:, i : i + h : 2, j : j + w : 2]
    return np.sqrt(total + 1e-12)


def planes(picture):
    return picture.transpose(2, 0, 1) / 255


def numpy_lpips(a, b, weights, heads):
    shift, scale = np.array([[-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]])[:, :, None, None]
    found = [stages((planes(p) * 2 - 1 - shift) / scale, weights, max_pool) for p in (a, b)]
    total = 0
    for index, pair in enumerate(zip(*found, strict=True)):
        x, y = (f / (np.sqrt((f**2).sum(0)) + 1e-10) for f in pair)
        total += ((x - y) ** 2 * heads[f"lin{index}.model.1.weight"][0]).sum(0).mean()
    return total


def numpy_dists(a, b, weights, heads):
    mean, deviation = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    found = [[planes(p), *stages((planes(p) - mean) / deviation, weights, l2_pool)] for p in (a, b)]
    textures, structures = [], []
    for x, y in zip(*found, strict=True):
        mx, my = x.mean((1, 2)), y.mean((1, 2))
        covariance = (x * y).mean((1, 2)) - mx * my
        textures.append((2 * mx * my + 1e-6) / (mx**2 + my**2 + 1e-6))
        structures.append((2 * covariance + 1e-6) / (x.var((1, 2)) + y.var((1, 2)) + 1e-6))
    alpha, beta = (heads[name].astype(np.float64).ravel() for name in ("alpha", "beta"))
    score = alpha @ np.concatenate(textures) + beta @ np.concatenate(structures)
    return 1 - score / (alpha.sum() + beta.sum())


@pytest.mark.parametrize(("metric", "expected"), [(LpipsVgg, numpy_lpips), (Dists, numpy_dists)])
def test_the_arithmetic_is_that_of_the_papers(metric, expected, small_vgg, pair):
    weights, heads = (load(small_vgg / name) for name in NEEDED[metric.metric])
    distance = metric(small_vgg)
    for height, width in ((48, 64), (37, 51)):
        a, b = (picture[:height, :width] for picture in pair)
        assert distance(a, b) == pytest.approx(expected(a, b, weights, heads), rel=1e-3)
        assert distance(b, a) == pytest.approx(distance(a, b), abs=1e-6)
        assert distance(a, a) == pytest.approx(0, abs=1e-6)


def test_the_original_that_is_kept_is_not_mistaken_for_another(small_vgg, pair):
    distance = Dists(small_vgg)
    a, b = (picture[:64, :64].copy() for picture in pair)
    before = distance(a, b)
    c = a.copy()
    c[:32] = 255 - c[:32]
    assert distance(c, b) != pytest.approx(before, abs=1e-3)
    a[:32] = c[:32]  # in place
    assert distance(a, b) == distance(c, b)
    a[:, :] = c[:64, :64]
    assert distance(pair[0][:64, :64], b) == before


@pytest.mark.parametrize("metric", [LpipsVgg, Dists])
def test_too_small_or_unlike_pictures(metric, small_vgg, pair):
    distance = metric(small_vgg)
    assert distance(*(picture[:32] for picture in pair)) is not None
    assert distance(*(picture[:31] for picture in pair)) is None
    with pytest.raises(ValueError, match="compared"):
        distance(pair[0], pair[1][1:])


@pytest.mark.parametrize("metric", DEEP)
def test_without_weights_one_line_says_how_to_get_them(metric, no_weights, caplog):
    with caplog.at_level(logging.WARNING):
        assert metric.open() is None
    (record,) = caplog.records
    assert "percast eval fetch-weights" in record.getMessage()
    assert metric is Lpips or f"--metrics {metric.metric}" in record.getMessage()


def test_weights_are_found_in_the_cache_and_by_the_variable(no_weights, monkeypatch, tmp_path):
    assert find_weights("lpips") is None
    no_weights.mkdir(parents=True)
    for name in WEIGHT_FILES:
        (no_weights / name).touch()
    assert find_weights("lpips") == tuple(no_weights / name for name in WEIGHT_FILES)
    monkeypatch.setenv("PERCAST_PERCEPTUAL", str(tmp_path))
    for metric in ("lpips", "dists"):
        with pytest.raises(ModelError, match="PERCAST_PERCEPTUAL"):
            find_weights(metric)


def test_a_named_folder_comes_before_the_cache_file_by_file(no_weights, monkeypatch, tmp_path):
    named = tmp_path / "named"
    for folder, names in ((no_weights, ("vgg16_features", "dists_alpha_beta")),
                          (named, ("dists_alpha_beta",))):  # fmt: skip
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"{name}.safetensors").touch()
    monkeypatch.setenv("PERCAST_PERCEPTUAL", str(named))
    assert find_weights("dists") == (
        no_weights / "vgg16_features.safetensors", named / "dists_alpha_beta.safetensors",
    )  # fmt: skip


@pytest.mark.parametrize("metric", DEEP)
def test_damaged_weights_are_named(metric, tmp_path):
    files = NEEDED[metric.metric]
    with pytest.raises(ModelError, match=files[0]):
        metric(tmp_path)
    for name in files:
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(ModelError, match=str(tmp_path)) as caught:
        metric(tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_one_line(small_vgg, tmp_path):
    for name in ("vgg16_features.safetensors", "dists_alpha_beta.safetensors"):
        other = name if name.startswith("vgg") else "lpips_lin_vgg_v0.1.safetensors"
        (tmp_path / name).write_bytes((small_vgg / other).read_bytes())
    with pytest.raises(ModelError, match="other weights") as caught:
        Dists(tmp_path)
    assert "\n" not in str(caught.value)
