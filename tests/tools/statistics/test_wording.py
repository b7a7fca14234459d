# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from percast.tools.statistics.rate_curves import Share
from percast.tools.statistics.wording import DOWN, NEAREST, UP, percent


@pytest.mark.parametrize(
    ("share", "rounding", "text"),
    [
        (0.0625, NEAREST, "6.2%"), (0.0625, UP, "6.3%"), (0.0625, DOWN, "6.2%"), (0.5, UP, "50%"),
        (np.exp(np.log(0.25)), UP, "25%"), (0.9375, DOWN, "93.7%"), (0.0, UP, "0%"),
        (1.0, DOWN, "100%"), (3.141, UP, "315%"), (0.004, DOWN, "0.4%"),
    ],
)  # fmt: skip
def test_a_bound_is_rounded_so_that_it_holds(share, rounding, text):
    assert percent(share, rounding) == text


def test_a_share_of_bandwidth_claims_no_more_than_was_measured():
    beyond = "(beyond the measured range)"
    assert str(Share(1 / 8, "at most")) == f"at most 13% {beyond}"  # 12.5%
    assert str(Share(3.145, "more than")) == f"more than 314% {beyond}"
    assert str(Share(0.5, "at most")) == f"at most 50% {beyond}" and str(Share(0.126)) == "13%"
