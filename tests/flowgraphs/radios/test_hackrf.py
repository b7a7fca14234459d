# SPDX-License-Identifier: GPL-3.0-or-later
"""A HackRF is reached through the driver that is there."""

import pytest

from percast.errors import DeviceError
from percast.flowgraphs.radios import hackrf
from tests.flowgraphs.radios.conftest import config


class Chosen(Exception):
    """The driver that was chosen, and what it was given."""


@pytest.mark.parametrize(
    ("missing", "reconnect", "driver"),
    [(None, False, "osmosdr"), ("osmosdr", False, "soapy"), (None, True, "soapy"),
     ("gnuradio.soapy", False, "osmosdr")],
)  # fmt: skip
def test_a_hackrf_is_reached_by_what_is_there(monkeypatch, missing, reconnect, driver):
    def choose(name):
        def through(args, transmit, buffers):
            raise Chosen(name, buffers)

        return through

    monkeypatch.setattr(hackrf, "_through_osmosdr", choose("osmosdr"))
    monkeypatch.setattr(hackrf, "_through_soapy", choose("soapy"))
    monkeypatch.setattr(
        hackrf.importlib.util, "find_spec", lambda name: None if name == missing else name
    )
    with pytest.raises(Chosen) as chosen:
        hackrf.open_radio(config("hackrf", reconnect=reconnect), True)
    name, buffers = chosen.value.args
    assert name == driver and buffers * 131072 / 2e6 >= 0.2


def test_without_any_driver_the_package_is_named(monkeypatch):
    monkeypatch.setattr(hackrf.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DeviceError, match="apt install gr-osmosdr"):
        hackrf.open_radio(config("hackrf"), True)
