# SPDX-License-Identifier: GPL-3.0-or-later
"""`--agc`: the radio's own gain control is switched on, or there is none and one line says so."""

import importlib
from types import SimpleNamespace

import pytest

from percast.errors import UsageError
from tests.flowgraphs.radios.conftest import config, need

PACKAGES = {"uhd": "gnuradio", "soapy": "gnuradio", "osmosdr": "gr-osmosdr"}
MODULES = {"uhd": "gnuradio.uhd", "soapy": "gnuradio.soapy", "osmosdr": "osmosdr"}
FRONTENDS = {"uhd": "UhdFrontend", "soapy": "SoapyFrontend", "osmosdr": "OsmosdrFrontend"}


class Block:
    """In place of a driver's block, by the names that gr-uhd, gr-soapy and gr-osmosdr have.

    Args:
        able: whether it has a gain control.
    """

    def __init__(self, able: bool):
        self.able, self.agc, self.gains = able, None, []

    def set_rx_agc(self, on, channel):
        if not self.able:
            raise RuntimeError("NotImplementedError: set_rx_agc() is not supported on this radio")
        self.agc = on

    def has_gain_mode(self, channel):
        return self.able

    def set_gain_mode(self, first, second):
        # gr-soapy: (channel, on); gr-osmosdr: (on, channel), and what it is then comes back.
        self.agc = self.able and bool(first or second)
        return self.agc

    def set_gain(self, *args):
        self.gains.append(args)

    def __getattr__(self, name):
        if name in ("get_gain_names", "list_gains", "get_antennas", "list_antennas"):
            return lambda *_: []
        if name == "get_gain_range":
            limit = SimpleNamespace(start=lambda: 0, stop=lambda: 0, minimum=lambda: 0,
                                    maximum=lambda: 0)  # fmt: skip
            return lambda *_: limit
        return lambda *_: 0.0


@pytest.mark.parametrize("device", PACKAGES)
def test_the_radios_gain_control_is_switched_on_and_no_gain_set(device):
    front = frontend(device, able=True)
    took = front.set_up(config(device, agc=True))
    assert front.block.agc is True and took["gain"] == "agc"
    assert front.block.gains == []


@pytest.mark.parametrize("device", PACKAGES)
def test_a_radio_without_gain_control_refuses(device):
    with pytest.raises(UsageError, match="--agc: this radio has none; use --gain"):
        frontend(device, able=False).set_up(config(device, agc=True))


@pytest.mark.parametrize("device", PACKAGES)
def test_a_hackrf_has_none_even_where_its_driver_says_it_has(device):
    with pytest.raises(UsageError, match="--agc: a HackRF has none"):
        frontend(device, True, "HackrfFrontend").set_up(config(device, agc=True))


@pytest.mark.parametrize("device", PACKAGES)
def test_a_gain_that_is_tuned_ends_the_gain_control(device):
    front = frontend(device, able=True)
    front.set_up(config(device, agc=True))
    with pytest.raises(UsageError):
        front.tune(None, 99.0)
    assert front.block.agc is True and front.block.gains == []
    front.tune(2.42e9, None)
    assert front.block.agc is True
    front.tune(None, 0.0)
    assert front.block.agc is False and len(front.block.gains) == 1


def frontend(device: str, able: bool, name: str | None = None):
    need(MODULES[device], PACKAGES[device])
    driver = importlib.import_module(f"percast.flowgraphs.radios.{device}")
    return getattr(driver, name or FRONTENDS[device])(Block(able), False)
