# SPDX-License-Identifier: GPL-3.0-or-later
"""Gains of a HackRF, whose three stages are far from alike."""

import pytest

from percast.errors import UsageError
from percast.flowgraphs.radios.frontend import Frontend
from percast.flowgraphs.radios.hackrf_gains import HackrfGains, is_hackrf


class Stages(Frontend):
    """A driver with nothing behind it but gain stages."""

    def __init__(self, transmit: bool):
        super().__init__(None, transmit)
        self.gains: dict[str, float] = {}

    def set_stage(self, name, gain):
        self.gains[name] = gain

    def stage(self, name):
        return self.gains.get(name, -1)

    def _none(self, *_):
        return None

    set_rate = set_freq = set_bandwidth = set_agc = set_clock_source = set_time_source = _none
    antennas = antenna = set_antenna = set_total_gain = total_range = stages = _none


class Hackrf(HackrfGains, Stages):
    pass


Hackrf.__abstractmethods__ = frozenset()


@pytest.mark.parametrize("gain", [0, 7, 16, 30, 55, 80, 102])
def test_a_total_gain_is_spread_over_lna_and_vga_and_never_the_amplifier(gain):
    took = Hackrf(transmit=False).set_gain(gain)
    assert took["AMP"] == 0 and took["LNA"] % 8 == 0
    assert took["LNA"] + took["VGA"] == gain
    assert 0 <= took["LNA"] <= 40 and 0 <= took["VGA"] <= 62


def test_a_transmitter_starts_with_the_lowest_gain():
    hackrf = Hackrf(transmit=True)
    assert hackrf.set_gain(hackrf._first_gain(None)) == {"AMP": 0, "VGA": 0}


def test_stages_that_are_not_named_have_their_defaults():
    hackrf = Hackrf(transmit=False)
    took = hackrf.set_gain(hackrf._first_gain({"vga": 30.0}))
    assert took == {"AMP": 0, "LNA": 16, "VGA": 30}
    # While it runs, they stay as they are.
    hackrf.set_gain({"LNA": 8})
    assert hackrf.set_gain({"AMP": 14}) == {"AMP": 14, "LNA": 8, "VGA": 30}


@pytest.mark.parametrize("gain", [103, -1, {"VGA": 63}, {"BOOST": 1}, {"AMP": 20}])
def test_gains_beyond_the_board_are_refused_with_its_range(gain):
    with pytest.raises(UsageError, match="--gain .*: this radio"):
        Hackrf(transmit=False).set_gain(gain)


def test_a_hackrf_is_known_by_its_stages():
    assert is_hackrf({"VGA": (0, 47), "AMP": (0, 14)})
    assert not is_hackrf({"PGA": (0, 76)})
