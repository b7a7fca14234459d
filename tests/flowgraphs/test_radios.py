# SPDX-License-Identifier: GPL-3.0-or-later
"""Radios' options, gains, plans, and what drivers say."""

import argparse
import importlib.util
import os
import subprocess
import sys
import time

import pytest

from percast.blocks.waveform.profile import open_profile
from percast.errors import DeviceError, UsageError
from percast.flowgraphs.radios.config import DEVICES, RadioConfig, check_flags, parse_gain
from percast.flowgraphs.radios.explain import explain
from percast.flowgraphs.radios.frontend import Frontend
from percast.flowgraphs.radios.hackrf_gains import HackrfGains, is_hackrf
from percast.flowgraphs.radios.plan import plan

PROFILE = open_profile("robust-2m")


def config(device: str, args: str = "", **options) -> RadioConfig:
    return RadioConfig(device, args, 2e6, **{"freq": 2.41e9, **options})


def need(module: str, package: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"not installed: apt install {package}")


# -- options


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
    with pytest.raises(UsageError, match=flag):
        check_flags(config(device, **options), transmit=False)


def test_control_is_for_radios_only():
    with pytest.raises(UsageError, match="--control"):
        check_flags(config("file"), transmit=True, control="tcp://127.0.0.1:1")


@pytest.mark.parametrize("device", DEVICES)
def test_each_device_takes_what_it_knows(device):
    check_flags(config(device), transmit=True)
    check_flags(config(device), transmit=False)


def test_transmitters_have_no_gain_control():
    with pytest.raises(UsageError, match="--agc"):
        check_flags(config("uhd", agc=True), transmit=True)


# -- gains of a HackRF


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


class Chosen(Exception):
    """The driver that was chosen, and what it was given."""


@pytest.mark.parametrize(
    ("missing", "reconnect", "driver"),
    [(None, False, "osmosdr"), ("osmosdr", False, "soapy"), (None, True, "soapy"),
     ("gnuradio.soapy", False, "osmosdr")],
)  # fmt: skip
def test_a_hackrf_is_reached_by_what_is_there(monkeypatch, missing, reconnect, driver):
    from percast.flowgraphs.radios import hackrf

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
    from percast.flowgraphs.radios import hackrf

    monkeypatch.setattr(hackrf.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DeviceError, match="apt install gr-osmosdr"):
        hackrf.open_radio(config("hackrf"), True)


# -- plans


def test_a_plan_tells_frequencies_levels_and_power():
    told = plan(config("hackrf", gain=20.0), PROFILE, transmit=True, tx_level=-12.0)
    assert told["upper_edge_hz"] - told["lower_edge_hz"] == pytest.approx(1.5703125e6)
    assert "zeros" in told["stream"]
    assert "13 to 15 dBm" in told["eirp"] and "some 53 dB less" in told["eirp"]


@pytest.mark.parametrize(
    ("device", "args", "freq", "words"),
    [
        ("hackrf", "", 145e6, "5 to 15 dBm"),
        ("soapy", "driver=hackrf", 5.8e9, "-10 to 0 dBm"),
        ("hackrf", "", 6.5e9, "unknown"),
        ("uhd", "type=b200", 1e9, "10 dBm"),
        ("uhd", "", 1e9, "unknown"),
        ("soapy", "driver=lime", 1e9, "unknown"),
    ],
)
def test_published_power_or_unknown(device, args, freq, words):
    told = plan(config(device, args, freq=freq), PROFILE, transmit=True, tx_level=-12.0)
    assert words in told["eirp"]


def test_usrps_send_bursts_and_what_hides_behind_uhd_does_not():
    assert config("uhd", "serial=1").bursts
    assert not config("uhd", "type=soapy,driver=hackrf").bursts


# -- what drivers throw


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("LookupError: KeyError: No devices found for ----->\nEmpty Device Address", "no USRP"),
        ("Failed to use '0' as HackRF device index: not enough devices", "no HackRF"),
        ("No device found with serial number 'beef'", "no HackRF"),
        ("no hackrf device matches", "no HackRF"),
        ("No devices specified via device arguments.", "gr-osmosdr finds no radio"),
        ("SoapySDR::Device::make() no match", "no radio"),
        ("Wrong rtlsdr device index given.", "no radio"),
        ("Failed to open AirSpy device (-5) AIRSPY_ERROR_NOT_FOUND", "no radio"),
        ("source: Unsupported number of channels. Only  0 channels available.", "channel"),
        ("LookupError: IndexError: multi_usrp: RX channel 3 out of range for x", "no such channel"),
        ("Failed to open HackRF device (-6) Resource busy", "in use"),
        ("USB open failed: insufficient permissions.", "permission"),
        ("Could not find path for image: usrp_b200_fw.hex", "uhd_images_downloader"),
        ("hackrf_set_freq(2410000000) has failed (-1000) HACKRF_ERROR_LIBUSB", "does not answer"),
        ("something else", "something else"),
    ],
)
def test_each_error_becomes_one_line_with_a_remedy(text, words):
    line = explain(RuntimeError(text), config("soapy", "x=1"), transmit=False)
    assert words in line and "\n" not in line and len(line) < 250
    assert any(hint in line for hint in ("plug", "name it", "end the other", "apt", "sudo",
                                         "choose another", "`percast devices`"))  # fmt: skip


NO_DEVICE = [
    ("uhd", "", "gnuradio.uhd", "gnuradio", "no USRP found"),
    ("osmosdr", "", "osmosdr", "gr-osmosdr", "name the radio with --args"),
    ("osmosdr", "rtl=0", "osmosdr", "gr-osmosdr", "no radio found"),
]


@pytest.mark.parametrize(("device", "args", "module", "package", "words"), NO_DEVICE)
def test_without_a_device_one_line_says_what_to_do(percast, device, args, module, package, words):
    need(module, package)
    start = time.monotonic()
    run = percast("rx", "--device", device, "--args", args, "--freq", "2.41G", timeout=30)
    assert run.code == 3, run.err
    (line,) = run.err.strip().splitlines()
    assert words in line and "--args" in line
    assert run.out == ""
    assert time.monotonic() - start < 10


def test_a_transmitter_without_a_device_says_so_before_it_reads_pictures(percast):
    need("osmosdr", "gr-osmosdr")
    run = percast("tx", "--device", "hackrf", "--freq", "2.41G", "--source", "/nowhere")
    assert run.code == 3 and "no HackRF found" in run.complaint


# -- what drivers print

PROGRAM = """
import logging, os, sys, time
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
from percast.flowgraphs.radios.chatter import Chatter
print("before")
with Chatter() as chatter:
    for text in sys.argv[2:]:
        os.write(2, text.encode())
        os.write(1, b"noise\\n")
        time.sleep(0.05)
    print("within")
    time.sleep(0.1)
counts = chatter.counts(sys.argv[1])
print("after", counts["overruns"], counts["underruns"])
os.write(1, b"free\\n")
"""


@pytest.mark.parametrize(
    ("driver", "texts", "overruns", "underruns"),
    [
        ("gr-osmosdr", ["O", "O", "UU"], 2, 2),
        ("gr-osmosdr", ["OOOUsing HackRF One\n"], 3, 0),
        ("gr-osmosdr", ["Using HackRF One\nUHD Warning: x\nOpening\n[INFO] [UHD] OO\n"], 0, 0),
        ("gr-osmosdr", ["D", "[INFO] x\nO"], 2, 0),
        ("gr-osmosdr", ["Usrp_sink :error: x\n"], 0, 0),
        ("gr-soapy", ["OsO", "sOsO", "sUtG", "sT"], 3, 1),
    ],
)
def test_letters_are_counted_and_the_rest_does_not_reach_stdout(driver, texts, overruns, underruns):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, driver, *texts],
        capture_output=True, text=True, timeout=30, env=os.environ,
    )  # fmt: skip
    counts = [str(overruns), str(underruns)]
    assert done.stdout.split() == ["before", "within", "after", *counts, "free"], done.stderr
    assert "driver: noise" in done.stderr


# -- devices


def test_devices_lists_every_driver_and_what_is_missing(percast):
    run = percast("devices", "--json", timeout=60)
    assert run.code == 0, run.err
    assert set(run.json) == {"uhd", "hackrf", "osmosdr", "soapy"}
    for driver in run.json.values():
        assert driver["missing"] is None or "apt install" in driver["missing"]


def test_a_missing_driver_comes_with_the_line_that_brings_it(percast):
    run = percast("devices", "--json", PATH="/nonexistent", timeout=60)
    assert run.code == 0, run.err
    assert "apt install uhd-host" in run.json["uhd"]["missing"]


def test_devices_are_parsed_from_what_uhd_prints():
    from percast.tools.devices import parse_usrps

    text = (
        "[INFO] [UHD] linux\n"
        "--------------------------------------------------\n-- UHD Device 0\n"
        "--------------------------------------------------\nDevice Address:\n"
        "    serial: 30C5123\n    name: MyB210\n    product: B210\n    type: b200\n\n"
        "--------------------------------------------------\n-- UHD Device 1\n"
        "--------------------------------------------------\nDevice Address:\n"
        "    addr: 192.168.10.2\n    type: usrp2\n"
    )
    first, second = parse_usrps(text)
    assert first["args"] == "serial=30C5123" and first["product"] == "B210"
    assert second["args"] == "addr=192.168.10.2"


def test_a_driver_that_hangs_or_crashes_does_not_stop_the_listing(monkeypatch):
    from percast.tools import devices

    monkeypatch.setattr(devices, "_TIMEOUT", 0.5)
    assert devices._ask_python("import time; time.sleep(9)")[1].endswith("within 0.5 s")
    assert "failed" in devices._ask_python("import os; os.abort()")[1]
    assert devices._ask_python("print('banner'); print('no json')")[0] == []


# -- a USRP's local oscillator


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
