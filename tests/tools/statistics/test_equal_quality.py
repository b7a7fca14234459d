# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from percast.tools.statistics.bootstrap import ClusterBootstrap
from percast.tools.statistics.equal_quality import Curve, at_equal_quality, mean_share

DRAWS = ClusterBootstrap(12)
RATES = np.array([1 / 192, 1 / 96, 1 / 48, 1 / 24])


def curve(needs: float, rates=RATES, scatter=0.0, seed=0) -> Curve:
    """Less is better, so negative; the same quality at `needs` times the bandwidth."""
    rng = np.random.default_rng(seed)
    hardness = np.exp(0.2 * np.random.default_rng(9).normal(size=12))
    lpips = 0.25 - 0.05 * np.log(96 * rates / needs)[:, None] + scatter * rng.normal(size=(4, 12))
    return Curve(rates, -lpips * hardness, np.ones((4, 12)))


def test_a_code_that_needs_a_quarter_is_said_to_save_three_quarters():
    found = at_equal_quality(DRAWS, curve(1), curve(4, 4 * RATES))
    assert [at.share.ratio for at in found] == pytest.approx([0.25] * 4)
    assert not any(at.share.bound for at in found)
    assert mean_share(DRAWS, curve(1), curve(4, 4 * RATES)).value == pytest.approx(0.25)


def test_the_interval_holds_the_true_share_and_grows_with_the_scatter():
    for seed in range(5):
        small, large = (
            at_equal_quality(DRAWS, curve(1, scatter=s, seed=seed), curve(3, 4 * RATES))[1]
            for s in (0.003, 0.02)
        )
        assert small.low.ratio < 1 / 3 < small.high.ratio
        assert large.high.ratio - large.low.ratio > small.high.ratio - small.low.ratio


def test_an_end_beyond_what_was_measured_is_a_bound_and_no_number():
    better, within, *_ = at_equal_quality(DRAWS, curve(1, scatter=0.01), curve(4))
    assert better.share == (pytest.approx(1.0), "at most")
    assert better.low.bound == better.high.bound == "at most"
    assert within.share.bound == "at most" and within.share.ratio == pytest.approx(0.5)
    worse = at_equal_quality(DRAWS, curve(4), curve(1))[-1]
    assert worse.share == (pytest.approx(1.0), "more than")
    assert mean_share(DRAWS, curve(1), curve(100)) is None  # they reach no quality in common


def test_where_other_pictures_may_have_no_quality_in_common_the_mean_has_no_interval():
    far = curve(1), curve(7, scatter=0.01)
    found = mean_share(DRAWS, *far)
    assert found.value < 1 and found.low is found.high is None
    near = mean_share(DRAWS, curve(1, scatter=0.01), curve(2, scatter=0.01, seed=1))
    assert near.low < near.value < near.high
