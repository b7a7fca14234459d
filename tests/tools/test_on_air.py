# SPDX-License-Identifier: GPL-3.0-or-later
"""What `tx` and `rx` say about a radio before they use it."""

import pytest

from percast.flowgraphs.radios.config import RadioConfig
from percast.tools.cli import build_parser
from percast.tools.on_air import describe


def test_what_the_radio_took_stands_beside_what_was_asked():
    config = RadioConfig(
        "hackrf", "", 2e6, freq=2.41e9, gain={"vga": 19.0}, clock_source="external", bandwidth=2e6
    )
    took = {
        "driver": "gr-osmosdr",
        "samp_rate": 2e6,
        "bandwidth": 1.75e6,
        "freq": 2.41e9,
        "gain": {"AMP": 0.0, "VGA": 18.0},
        "antenna": "",
        "clock_source": "",
    }
    assert describe(config, took) == (
        "hackrf through gr-osmosdr: samp rate 2 Msps, bandwidth 1.75 MHz (asked 2 MHz), "
        "freq 2410 MHz, gain AMP=0,VGA=18 (asked vga=19), clock source unknown (asked external)"
    )


def test_what_was_taken_as_asked_is_told_once():
    config = RadioConfig("uhd", "", 4e6, freq=1e9, gain=20.0)
    took = {"driver": "gr-uhd", "freq": 1e9, "gain": {"PGA": 20.0}}
    assert describe(config, took) == "uhd through gr-uhd: freq 1000 MHz, gain PGA=20"


def test_a_dry_run_opens_nothing_and_tells_all(percast):
    argv = ("--device", "hackrf", "--freq", "2.41G", "--profile", "robust-2m", "--dry-run")
    run = percast("tx", "--source", "/nowhere", *argv, "--json")
    assert run.code == 0 and run.err == ""
    told = run.json
    assert told["direction"] == "transmit" and told["samp_rate"] == 2e6
    assert told["lower_edge_hz"] < 2.41e9 < told["upper_edge_hz"]
    assert told["gain"] == "the lowest" and "dBm" in told["eirp"]
    run = percast("rx", *argv)
    assert run.code == 0 and "2410 MHz" in run.out and "receive" in run.out


def test_a_dry_run_without_a_radio_tells_of_no_gain(percast):
    run = percast("tx", "--source", "/nowhere", "--device", "file", "--args", "x.cf32", "--dry-run")
    assert run.code == 0 and "gain" not in run.out and "nothing is radiated" in run.out


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ((), ("-12 dBFS mean of the payload, -9 of preamble and header\n", "short headers")),
        (("--design-snr", "5"), ("-12 dBFS mean of the payload\n", "long headers")),
    ],
)
def test_a_dry_run_tells_the_strongest_part_of_the_packets_that_would_be_sent(
    options, lines, capsys
):
    argv = ["tx", "--source", "/nowhere", "--device", "file", "--args", "x.cf32", "--dry-run"]
    args = build_parser(argv).parse_args([*argv, *options])
    assert args.main(args) == 0
    told = capsys.readouterr().out
    assert all(line in told for line in lines)


def test_a_transmitter_needs_to_be_told_where(percast):
    run = percast("tx", "--source", "/nowhere", "--device", "uhd")
    assert run.code == 2 and "--freq" in run.complaint and "transmit" in run.complaint
    run = percast("tx", "--source", "x", "--device", "uhd", "--freq", "1G", "--agc")
    assert run.code == 2
