# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from percast.tools.statistics.rate_curves import Share, bandwidth_shares, rates_at_quality

OURS = {1 / 96: 0.3, 1 / 48: 0.2, 1 / 24: 0.1}


def test_a_code_that_needs_a_quarter_of_every_rate_has_that_share():
    theirs = {4 * rate: value for rate, value in OURS.items()}
    shares = bandwidth_shares(OURS, theirs, "lpips")
    assert list(shares) == sorted(theirs)
    assert [share.ratio for share in shares.values()] == pytest.approx([0.25] * 3)
    assert not any(share.bound for share in shares.values())


def test_between_rates_the_logarithm_of_the_rate_is_interpolated():
    """Half-way in quality is half-way in the logarithm, where the points lie on a line."""
    (share,) = bandwidth_shares(OURS, {1 / 24: 0.25}, "lpips").values()
    assert share.ratio == pytest.approx((1 / 96 * 1 / 48) ** 0.5 / (1 / 24))


def test_of_psnr_more_is_better():
    ours = {1 / 48: 26.0, 1 / 24: 28.0}
    shares = bandwidth_shares(ours, {1 / 96: 27.0}, "psnr_db")
    assert shares[1 / 96].ratio == pytest.approx(2 * 2**0.5)  # it takes more


def test_beyond_what_was_measured_only_a_bound_is_told():
    shares = bandwidth_shares(OURS, {1 / 48: 0.4, 1 / 12: 0.05}, "lpips")
    assert shares[1 / 48] == (pytest.approx(0.5), "at most")
    assert shares[1 / 12] == (pytest.approx(0.5), "more than")
    assert str(shares[1 / 48]) == "at most 50% (beyond the measured range)"
    assert str(Share(0.25)) == "25%"


def test_a_rate_that_gains_nothing_is_left_out():
    """DISTS or FID of a few pictures may rise a little; the lower rate then serves."""
    shares = bandwidth_shares({**OURS, 1 / 16: 0.12}, {1 / 12: 0.1}, "fid")
    assert shares[1 / 12].ratio == pytest.approx(0.5)


def test_one_point_is_a_curve_and_none_is_not():
    assert bandwidth_shares({1 / 48: 0.2}, {1 / 24: 0.2}, "lpips")[1 / 24].ratio == pytest.approx(
        0.5
    )
    with pytest.raises(ValueError, match="without points"):
        bandwidth_shares({}, {1 / 24: 0.2}, "lpips")


@pytest.mark.parametrize("points", [2, 3, 5])
def test_thousands_of_curves_at_once_are_as_scipy_interpolates_one(points):
    rng = np.random.default_rng(points)
    quality = np.cumsum(rng.random((1000, points)) + 0.01, axis=1)
    rates = np.sort(rng.random(points))
    low, high = quality.min(1, keepdims=True), quality.max(1, keepdims=True)
    wanted = low + (high - low) * rng.random((1000, 4))
    found = rates_at_quality(rates, quality, wanted)
    for row in range(0, 1000, 50):
        one = PchipInterpolator(quality[row], rates)(wanted[row])
        assert found[row] == pytest.approx(one, abs=1e-9)


def test_a_point_that_a_draw_lacks_is_left_out_of_that_draw_alone():
    rates, wanted = np.log([1 / 96, 1 / 48, 1 / 24]), np.array([[0.25], [0.25], [np.nan]])
    quality = np.array([[0.1, 0.2, 0.3], [0.1, np.nan, 0.3], [0.1, 0.2, 0.3]])
    found = rates_at_quality(rates, quality, wanted)
    assert found[0, 0] == pytest.approx((rates[1] + rates[2]) / 2)
    assert found[1, 0] == pytest.approx(rates[0] + 0.75 * (rates[2] - rates[0]))
    assert np.isnan(found[2, 0])
