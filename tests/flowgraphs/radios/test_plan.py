# SPDX-License-Identifier: GPL-3.0-or-later
"""What `--dry-run` tells."""

from dataclasses import replace

import pytest

from percast.blocks.waveform.profile import open_profile
from percast.errors import UsageError
from percast.flowgraphs.radios.plan import plan
from tests.flowgraphs.radios.conftest import config

PROFILE = open_profile("robust-2m")


def test_a_plan_tells_frequencies_levels_and_power():
    told = plan(config("hackrf", gain=20.0), PROFILE.of("long"), transmit=True, tx_level=-12.0)
    assert told["upper_edge_hz"] - told["lower_edge_hz"] == pytest.approx(1.5703125e6)
    assert "zeros" in told["stream"]
    assert "13 to 15 dBm" in told["eirp"] and "some 53 dB less" in told["eirp"]


@pytest.mark.parametrize(
    ("header", "tx_level", "strongest", "words"),
    [
        ("long", -12.0, -12.0, "some 12 dB less"),
        ("short", -12.0, -9.0, "some 9 dB less"),
        ("short", -3.0, 0.0, "as much"),
        ("short", 0.0, 3.0, "as much"),  # clipped
    ],
)
def test_the_power_that_is_told_is_that_of_the_strongest_part(header, tx_level, strongest, words):
    full = config("hackrf", gain={"VGA": 47.0, "AMP": 14.0})
    told = plan(full, PROFILE.of(header), transmit=True, tx_level=tx_level)
    assert told["tx_level_dbfs"] == tx_level and told["strongest_dbfs"] == strongest
    assert words in told["eirp"]


@pytest.mark.parametrize(
    ("device", "args", "freq", "words"),
    [
        ("hackrf", "", 145e6, "5 to 15 dBm"),
        ("soapy", "driver=hackrf", 5.8e9, "-10 to 0 dBm"),
        ("hackrf", "", 6.5e9, "unknown"),
        ("uhd", "type=b200", 1e9, "10 dBm"),
        ("uhd", "serial=30C5123", 1e9, "B200/B210"),
        ("uhd", "name=lab2", 1e9, "unknown"),
        ("uhd", "", 1e9, "unknown"),
        ("soapy", "driver=lime", 1e9, "unknown"),
    ],
)
def test_published_power_or_unknown(device, args, freq, words):
    told = plan(config(device, args, freq=freq), PROFILE, transmit=True, tx_level=-12.0)
    assert words in told["eirp"]


@pytest.mark.parametrize("gain", [48.0, {"VGA": 50.0}, {"LNA": 8.0}, {"FOO": 99.0}])
@pytest.mark.parametrize(("device", "args"), [("hackrf", ""), ("soapy", "driver=hackrf")])
def test_gains_that_a_hackrf_does_not_have_are_refused(device, args, gain):
    with pytest.raises(UsageError, match="--gain .*: this radio"):
        plan(config(device, args, gain=gain), PROFILE, transmit=True, tx_level=-12.0)


@pytest.mark.parametrize(
    "options",
    [{"freq": 7.3e9}, {"freq": 2410.0}, {"freq": 0.99e6}, {"bandwidth": 1e6}, {"bandwidth": 40e6}],
)
@pytest.mark.parametrize(
    ("device", "args"),
    [("hackrf", ""), ("soapy", "driver=hackrf"), ("osmosdr", "hackrf=0"),
     ("uhd", "type=soapy,driver=hackrf")],
)  # fmt: skip
def test_what_a_hackrf_cannot_be_set_to_is_refused(device, args, options):
    (name,) = options
    with pytest.raises(UsageError, match=f"--{name} .*a HackRF takes"):
        plan(config(device, args, **options), PROFILE, transmit=False)


@pytest.mark.parametrize("rate", [1e6, 21e6])
def test_a_hackrf_has_no_such_sample_rate(rate):
    with pytest.raises(UsageError, match="--samp-rate"):
        plan(config("hackrf"), replace(PROFILE, samp_rate=rate), transmit=False)


@pytest.mark.parametrize("freq", [1e6, 2.41e9, 7.25e9])
def test_the_edges_of_a_hackrf_are_in_its_range(freq):
    assert plan(config("hackrf", freq=freq), PROFILE, transmit=False)["freq"] == freq


def test_other_radios_have_other_ranges():
    plan(config("uhd", "type=b200", freq=7.3e9), PROFILE, transmit=False)


def test_usrps_send_bursts_and_what_hides_behind_uhd_does_not():
    assert config("uhd", "serial=1").bursts
    assert not config("uhd", "type=soapy,driver=hackrf").bursts
