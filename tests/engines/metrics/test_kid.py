# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from percast.engines.metrics.fid import FEATURES
from percast.engines.metrics.kid import kernel_distance


def features(rng, pictures: int, patches: int, shift: float = 0.0):
    return [(rng.normal(shift, 1, (patches, FEATURES))).astype(np.float32) for _ in range(pictures)]


def test_it_is_the_unbiased_estimator_of_its_definition():
    rng = np.random.default_rng(0)
    x, y = features(rng, 4, 3), features(rng, 4, 3, 0.2)
    a, b = (np.concatenate(side).astype(np.float64) for side in (x, y))

    def kernel(p, q):
        return (p @ q / FEATURES + 1) ** 3

    n = len(a)
    inner = sum(
        kernel(s[i], s[j]) for s in (a, b) for i in range(n) for j in range(n) if i != j
    ) / (n * (n - 1))
    across = sum(kernel(p, q) for p in a for q in b) / n**2
    assert kernel_distance(x, y).value == pytest.approx(inner - 2 * across)


def test_equal_sets_are_at_no_distance_and_different_ones_are_told_apart():
    rng = np.random.default_rng(1)
    same = kernel_distance(features(rng, 12, 4), features(rng, 12, 4))
    other = kernel_distance(features(rng, 12, 4), features(rng, 12, 4, 0.5))
    assert abs(same.value) < 3 * same.error
    assert other.value > 5 * other.error


def test_pictures_too_small_for_a_patch_are_passed_over():
    rng = np.random.default_rng(2)
    empty = [np.zeros((0, FEATURES), np.float32)]
    x, y = features(rng, 3, 2), features(rng, 3, 2, 0.5)
    assert kernel_distance(x + empty, y + empty) == kernel_distance(x, y)
    assert kernel_distance(x[:2], y[:2]) is None
