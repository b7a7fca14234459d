# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from percast.engines.metrics.bandwidth import Share, bandwidth_shares

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
