# SPDX-License-Identifier: GPL-3.0-or-later
"""Which options each device takes."""

import argparse

import pytest

from percast.errors import UsageError
from percast.flowgraphs.radios.config import DEVICES, RadioConfig, check_flags, parse_gain
from percast.settings import SettingError
from tests.flowgraphs.radios.conftest import config


@pytest.mark.parametrize(
    ("text", "gain"),
    [("20", 20.0), ("LNA=16,VGA=20", {"LNA": 16.0, "VGA": 20.0}), (" AMP = 0 ", {"AMP": 0.0})],
)
def test_a_gain_is_a_number_or_stages(text, gain):
    assert parse_gain(text) == gain


@pytest.mark.parametrize("text", ["", "loud", "LNA=", "=3", "LNA=16;VGA=3", "LNA=16,"])
def test_other_gains_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        parse_gain(text)


@pytest.mark.parametrize(
    ("device", "options", "flag"),
    [
        ("hackrf", {"antenna": "RX2"}, "--antenna"),
        ("hackrf", {"channel": 0}, "--channels"),
        ("hackrf", {"lo_offset": 1e6}, "--lo-offset"),
        ("hackrf", {"clock_source": "external"}, "--clock-source"),
        ("hackrf", {"agc": True}, "--agc"),
        ("soapy", {"lo_offset": 1e6}, "--lo-offset"),
        ("osmosdr", {"reconnect": True}, "--reconnect"),
        ("file", {"gain": 0.0}, "--gain"),
        ("zmq", {"bandwidth": 1e6}, "--bandwidth"),
        ("uhd", {"freq": None}, "--freq"),
        ("uhd", {"freq": -1.0}, "--freq"),
        ("uhd", {"agc": True, "gain": 3.0}, "--agc"),
    ],
)
def test_what_a_driver_would_ignore_is_refused(device, options, flag):
    with pytest.raises(SettingError) as caught:
        check_flags(config(device, **options), transmit=False)
    assert caught.value.field in options
    with pytest.raises(UsageError, match=f"^{flag} "), RadioConfig.told_as_flags():
        check_flags(config(device, **options), transmit=False)


@pytest.mark.parametrize("device", DEVICES)
def test_each_device_takes_what_it_knows(device):
    check_flags(config(device), transmit=True)
    check_flags(config(device), transmit=False)


def test_transmitters_have_no_gain_control():
    with pytest.raises(UsageError, match="^agc is for receivers"):
        check_flags(config("uhd", agc=True), transmit=True)
