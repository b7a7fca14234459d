# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from scipy import signal

from percast.blocks.channel.fractional_delay import kaiser_beta


@pytest.mark.parametrize("band_edge", [0.2, 0.42, 0.47, 0.495])  # none, and both of its formulas
@pytest.mark.parametrize("taps", [4, 16, 40])
def test_the_window_is_the_one_of_scipy(taps, band_edge):
    attenuation_db = signal.kaiser_atten(taps, 2 * (1 - 2 * band_edge))
    assert kaiser_beta(taps, band_edge) == pytest.approx(signal.kaiser_beta(attenuation_db))
