# SPDX-License-Identifier: GPL-3.0-or-later
"""What drivers throw ends in one line with a remedy."""

import time

import pytest

from percast.flowgraphs.radios.explain import explain
from tests.conftest import crowding
from tests.flowgraphs.radios.conftest import config, need


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
    ("soapy", "driver=null", "gnuradio.soapy", "gnuradio", "on no such channel"),
]


@pytest.mark.parametrize(("device", "args", "module", "package", "words"), NO_DEVICE)
def test_without_a_device_one_line_says_what_to_do(percast, device, args, module, package, words):
    need(module, package)
    start = time.monotonic()
    run = percast("rx", "--device", device, "--args", args, "--freq", "2.41G")
    assert run.code == 3, run.err
    (line,) = run.err.strip().splitlines()
    assert words in line and "--args" in line
    assert run.out == ""
    assert time.monotonic() - start < 10 * crowding()


def test_a_transmitter_without_a_device_says_so_before_it_reads_pictures(percast):
    need("osmosdr", "gr-osmosdr")
    run = percast("tx", "--device", "hackrf", "--freq", "2.41G", "--source", "/nowhere")
    assert run.code == 3 and "no HackRF found" in run.complaint
