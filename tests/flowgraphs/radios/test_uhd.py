# SPDX-License-Identifier: GPL-3.0-or-later
"""A USRP's local oscillator."""

import pytest

from tests.flowgraphs.radios.conftest import need


class Usrp:
    """The tuning of a USRP, without the USRP."""

    def __init__(self, rate: float, clock: float, digital: bool = True):
        self.rate, self.clock, self.digital = rate, clock, digital

    def get_samp_rate(self):
        return self.rate

    def get_clock_rate(self, board):
        return self.clock

    def set_center_freq(self, request, channel):
        offset = request.rf_freq - request.target_freq if request.rf_freq else 0
        self.freq = request.target_freq + (0 if self.digital else offset)

    def get_center_freq(self, channel):
        return self.freq


@pytest.mark.parametrize(
    ("rate", "transmit", "options", "offset"),
    [
        (4e6, False, {}, 3e6),
        (20e6, False, {}, 0),  # the clock of 32 MHz leaves no room
        (4e6, False, {"bandwidth": 5e6}, 0),
        (4e6, True, {}, 0),  # its leakage lies on the empty DC carrier
        (4e6, True, {"lo_offset": 8e6}, 8e6),
        (4e6, False, {"lo_offset": 0.0}, 0),
    ],
)
def test_the_local_oscillator_lies_beside_the_band_where_it_can(rate, transmit, options, offset):
    need("gnuradio.uhd", "gnuradio")
    from percast.flowgraphs.radios.uhd import UhdFrontend

    front = UhdFrontend(Usrp(rate, 32e6), transmit, **options)
    assert front.set_freq(1e9) == pytest.approx(1e9)
    assert front.lo_offset == offset


def test_without_digital_tuning_there_is_no_offset():
    need("gnuradio.uhd", "gnuradio")
    from percast.flowgraphs.radios.uhd import UhdFrontend

    front = UhdFrontend(Usrp(4e6, 32e6, digital=False), False)
    assert front.set_freq(1e9) == 1e9 and front.lo_offset == 0
