# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from scipy.stats import ttest_1samp

from percast.tools.statistics.bootstrap import ClusterBootstrap, mean
from percast.tools.statistics.differences import difference, discovered
from percast.tools.statistics.shares import least_p_value, share

ONES = np.ones(12)


def test_of_a_hundred_intervals_some_ninety_five_hold_the_true_mean():
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(300):
        values = np.exp(0.3 * rng.normal(size=12))  # skewed, as LPIPS over pictures
        draws = ClusterBootstrap(12, 1000, seed)
        span = draws.interval(values.mean(), draws.means(values, ONES))
        held += span.low <= np.exp(0.3**2 / 2) <= span.high
    assert 0.90 <= held / 300 <= 0.99


def test_measuring_the_same_pictures_ten_times_makes_nothing_surer():
    values = np.random.default_rng(2).normal(size=12)
    draws = ClusterBootstrap(12)
    once = draws.interval(values.mean(), draws.means(values, ONES))
    ten = draws.interval(values.mean(), draws.means(10 * values, 10 * ONES))
    assert ten == pytest.approx(once)


def test_pictures_that_lack_a_figure_do_not_count():
    sums, counts = np.array([1.0, 2.0, 3.0, 0.0]), np.array([1.0, 1.0, 1.0, 0.0])
    draws = ClusterBootstrap(4)
    assert mean(sums, counts) == 2.0
    drawn = draws.means(sums, counts)
    assert np.nanmin(drawn) >= 1 and np.nanmax(drawn) <= 3
    assert draws.interval(2.0, drawn, 3).low >= 1


def test_what_is_infinite_in_some_draws_still_has_an_interval():
    drawn = np.concatenate([np.full(100, -np.inf), np.linspace(0, 1, 1900)])
    span = ClusterBootstrap(12).interval(0.5, drawn)
    assert span.low == -np.inf and 0.9 < span.high < 1
    assert ClusterBootstrap(2).interval(0.5, drawn).low is None  # too few to say anything


def test_a_share_of_all_or_nothing_has_an_interval_too():
    draws = ClusterBootstrap(12)
    assert share(draws, ONES, ONES) == pytest.approx((1, 0.7354, 1), abs=1e-4)  # Clopper, Pearson
    assert share(draws, 0 * ONES, ONES) == pytest.approx((0, 0, 0.2646), abs=1e-4)
    # Ten repeats are no more pictures.
    assert share(draws, 10 * ONES, 10 * ONES).low == pytest.approx(0.7354, abs=1e-4)
    half = share(draws, np.arange(12) % 2, ONES)
    assert half.low < 0.35 and half.value == 0.5 and half.high > 0.65


def test_a_paired_difference_is_seen_that_is_smaller_than_the_scatter_of_pictures():
    rng = np.random.default_rng(3)
    hardness = rng.normal(0.3, 0.1, 12)
    before, after = hardness, hardness - 0.01 + 0.005 * rng.normal(size=12)
    draws = ClusterBootstrap(12)
    found = difference(draws, (before, ONES), (after, ONES))
    assert found.change.high < 0 < found.p_value < 0.01
    apart = draws.interval(after.mean(), draws.means(after, ONES))
    assert apart.low < before.mean() < apart.high  # unpaired nothing would be seen
    same = difference(draws, (before, ONES), (2 * before, 2 * ONES))
    assert same.p_value == 1.0 and same.change == pytest.approx((0, 0, 0))
    assert difference(draws, (before, ONES), (after, 0 * ONES)) is None


@pytest.mark.parametrize("pictures", [4, 6, 8, 12])
def test_one_change_that_is_certain_is_seen_among_many_that_are_none(pictures):
    rng, ones = np.random.default_rng(5), np.ones(pictures)
    draws = ClusterBootstrap(pictures)
    before = rng.normal(30, 4, pictures)

    def p_value(after):
        return difference(draws, (before, ones), (after, ones)).p_value

    nothing = [p_value(before + 0.1 * rng.normal(size=pictures)) for _ in range(71)]
    found = discovered([*nothing, p_value(before - 3.0)])
    assert found[-1] and sum(found) <= 2


def test_how_sure_a_change_is_follows_student_beyond_what_draws_can_tell():
    rng = np.random.default_rng(6)
    draws = ClusterBootstrap(12)
    scatter = rng.normal(size=12)
    scatter -= scatter.mean()
    shifts = np.linspace(0.2, 6, 30) * scatter.std()
    found = [draws.p_value(draws.means(scatter + shift, ONES)) for shift in shifts]
    assert found == sorted(found, reverse=True)
    beyond = shifts > 1.5 * scatter.std()  # no draw of these reaches zero
    tested = [ttest_1samp(scatter + shift, 0).pvalue for shift in shifts[beyond]]
    assert np.log(found)[beyond] == pytest.approx(np.log(tested), rel=0.1)
    assert draws.p_value(np.full(2000, -3.0)) == 0 and draws.p_value(np.zeros(2000)) == 1


def test_a_share_of_few_pictures_is_never_surely_another():
    assert least_p_value(3) > 0.03 and least_p_value(12) < 1e-6


def test_where_nothing_changed_hardly_ever_a_change_is_called_real():
    rng = np.random.default_rng(4)
    draws = ClusterBootstrap(24, 1000)
    called = 0
    for _ in range(25):
        pairs = rng.normal(size=(2, 10, 24))
        ones = np.ones(24)
        p_values = [difference(draws, (a, ones), (b, ones)).p_value for a, b in zip(*pairs)]
        called += any(discovered(p_values))
        assert 0 < sum(p_values) / 10 < 1
    assert called <= 4  # of 25; one in twenty is expected
    assert discovered([]) == [] and discovered([1e-6, 0.9, 0.9]) == [True, False, False]
