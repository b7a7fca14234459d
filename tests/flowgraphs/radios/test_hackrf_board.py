# SPDX-License-Identifier: GPL-3.0-or-later
"""Gains of a HackRF, whose three stages are far from alike, and its filters."""

import json

import pytest

from percast.blocks.waveform.profile import PRESETS
from percast.errors import UsageError
from percast.flowgraphs.radios.frontend import Frontend
from percast.flowgraphs.radios.hackrf_board import HackrfBoard, is_hackrf
from tests.standins.boards import need


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


class Hackrf(HackrfBoard, Stages):
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


@pytest.mark.parametrize("freq", [7.3e9, 2410.0])
def test_a_running_hackrf_is_not_tuned_beyond_its_range(freq):
    with pytest.raises(UsageError, match="--freq"):
        Hackrf(transmit=True).tune(freq, None)


class Clipping(Stages):
    """A driver that brings a frequency into the radio's range without a word."""

    def set_freq(self, freq):
        self.tuned = min(freq, 6e9)
        return self.tuned


Clipping.__abstractmethods__ = frozenset()


def test_a_radio_that_tunes_elsewhere_does_not_go_on_the_air():
    with pytest.raises(UsageError, match="--freq 7300000000: this radio tunes to 6000000000"):
        Clipping(transmit=True).tune(7.3e9, None)
    running = Clipping(transmit=True)
    assert running.tune(5.8e9, None) == {"freq": 5.8e9}
    with pytest.raises(UsageError):
        running.tune(7.3e9, None)
    assert running.tuned == 5.8e9


def test_a_hackrf_is_known_by_its_stages():
    assert is_hackrf({"VGA": (0, 47), "AMP": (0, 14)})
    assert not is_hackrf({"PGA": (0, 76)})


OPEN = """
import json, sys
from percast.blocks.waveform.profile import PRESETS
from percast.flowgraphs.radios.factory import open_sink, open_source
from percast.flowgraphs.radios.config import RadioConfig
device, args, path = sys.argv[1:]
took = {}
for open_radio in (open_source, open_sink):
    for profile in PRESETS.values():
        radio = open_radio(RadioConfig(device, args, profile.samp_rate, 2.4e9, {"VGA": 22.0}))
        took[f"{open_radio.__name__} {profile.name}"] = radio.took
        del radio  # or the board stays in use
json.dump(took, open(path, "w"))
"""
ROUTES = [("hackrf", ""), ("soapy", "driver=hackrf"), ("uhd", "type=soapy,driver=hackrf"),
          ("osmosdr", "hackrf=0"), ("osmosdr", "soapy=0,driver=hackrf")]  # fmt: skip


@pytest.mark.parametrize(("device", "args"), ROUTES)
def test_every_driver_opens_the_filters_for_the_whole_signal_and_sets_the_gain(
    device, args, air, launch, tmp_path
):
    need(device)
    if "soapy" in args:
        need("soapy")
    computer = air().computer("one")
    computer.plug("a")
    process = launch(computer, "-c", OPEN, device, args, tmp_path / "took")
    assert process.wait(60) == 0, process.err
    took = json.loads((tmp_path / "took").read_text())
    assert len(took) == 2 * len(PRESETS)
    for name, radio in took.items():
        profile = PRESETS[name.split()[1]]
        assert profile.occupied_bandwidth <= radio["bandwidth"] <= 1.15 * profile.samp_rate, name
        lna = {"LNA": 16} if "source" in name else {}
        assert radio["gain"] == {"AMP": 0, **lna, "VGA": 22}, name
