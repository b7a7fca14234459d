# SPDX-License-Identifier: GPL-3.0-or-later
"""`--args` names a radio, or nothing is opened: drivers pass over words that they do not know."""

import pytest

from percast.errors import DeviceError, UsageError
from percast.flowgraphs.radios.safety import naming
from percast.flowgraphs.radios.safety.naming import (
    check_there,
    check_words,
    hackrf_named,
    usrps_only,
)
from tests.flowgraphs.radios.conftest import config
from tests.standins.boards import need, serial_number

CLI = ("-m", "percast.tools.cli")


@pytest.mark.parametrize(
    ("device", "args"),
    [
        ("osmosdr", "serial=deadbeef"),
        ("osmosdr", "foo=1"),
        ("osmosdr", "HACKRF=0"),
        ("osmosdr", "hackrf=0,serial=deadbeef"),
        ("osmosdr", "hackrf=0,bufers=4"),
        ("osmosdr", "hackrf=0,hackrf=1"),
        ("osmosdr", "hackrf=0 serial=deadbeef"),
        ("osmosdr", "hackrf=0,bladerf=0"),
        ("osmosdr", "hackrf=first"),
        ("osmosdr", "rtl=0"),  # which cannot send
        ("osmosdr", "file=/dev/null,rate=1e6"),
        ("osmosdr", "soapy=0"),
        ("osmosdr", "soapy=0,serial=deadbeef"),
        ("osmosdr", "soapy=0,driver=hackrf,serail=dead"),
        ("osmosdr", "uhd,serail=30C5123"),
        ("osmosdr", "uhd,type=soapy,driver=hackrf,serail=dead"),
        ("hackrf", "foo=1"),
        ("hackrf", "driver=hackrf"),
        ("hackrf", "HACKRF=0"),
        ("hackrf", "first"),
        ("hackrf", "a"),
        ("hackrf", "hackrf=0,serial=deadbeef"),
        ("hackrf", "aaaa,foo=1"),
        ("hackrf", 33 * "a"),
        ("soapy", "foo=1"),
        ("soapy", "serial=deadbeef"),
        ("soapy", "driver=,serial=deadbeef"),
        ("soapy", "drivr=hackrf"),
        ("soapy", "driver=hackrf,serail=dead"),
        ("soapy", "driver=hackrf,hackrf=1"),
        ("soapy", "driver=hackrf,label=mine"),  # at which SoapyHackRF does not look
        ("soapy", "driver=hackrf,serial=dead,serial=beef"),
        ("soapy", "driver=lime,serail=dead"),
        ("uhd", "serail=30C5123"),
        ("uhd", "foo=1"),
        ("uhd", "type=b200,sn=30C5123"),
        ("uhd", "driver=hackrf"),
        ("uhd", "type=soapy"),
        ("uhd", "type=soapy,serial=dead"),
        ("uhd", "type=soapy,driver=hackrf,serail=dead"),
    ],
)
def test_words_that_the_driver_would_pass_over_are_refused(device, args):
    with pytest.raises(UsageError, match="--args"):
        check_words(config(device, args), transmit=True)


@pytest.mark.parametrize(
    ("device", "args"),
    [
        ("osmosdr", "hackrf=0"),
        ("osmosdr", " hackrf=beef,buffers=32,bias=1 "),
        ("osmosdr", "bladerf=0,smb=25e6"),
        ("osmosdr", "uhd,serial=30C5123,mcr=52e6,subdev='B:0 A:0'"),
        ("osmosdr", "soapy=0,driver=hackrf,serial=beef"),
        ("osmosdr", "soapy,driver=lime"),
        ("hackrf", ""),
        ("hackrf", "0"),
        ("hackrf", "hackrf"),
        ("hackrf", "BEEF,buffers=8"),
        ("hackrf", "serial=beef"),
        ("soapy", "driver=hackrf, serial=beef, label=HackRF One #0 beef"),
        ("soapy", "driver=lime,serial=0009,cacheCalibrations=0"),
        ("soapy", "driver=remote,remote=tcp://x:1,remote:driver=lime"),
        ("uhd", ""),
        ("uhd", "serial=30C5123"),
        ("uhd", "addr0=192.168.10.2,addr1=192.168.10.3,master_clock_rate=200e6"),
        ("uhd", "type=b200,num_send_frames=64,fpga=/x.bit"),
        ("uhd", "type=soapy,driver=hackrf,serial=beef"),
    ],
)
def test_what_the_drivers_read_is_passed_on(device, args):
    check_words(config(device, args), transmit=True)


def test_receivers_may_name_drivers_that_cannot_send():
    check_words(config("osmosdr", "rtl=0,direct_samp=2"), transmit=False)


@pytest.mark.parametrize(
    ("device", "args", "name"),
    [
        ("hackrf", "", ""),
        ("hackrf", "1", "1"),
        ("hackrf", "serial=beef", "beef"),
        ("osmosdr", "hackrf=0,buffers=4", "0"),
        ("osmosdr", "soapy=0,driver=hackrf,serial=beef", "beef"),
        ("osmosdr", "rtl=0", None),
        ("soapy", "driver=hackrf", ""),
        ("uhd", "type=soapy,driver=hackrf,serial=beef", "beef"),
        ("uhd", "serial=30C5123", None),
    ],
)
def test_a_hackrf_is_known_by_its_name_in_each_drivers_words(device, args, name):
    assert hackrf_named(config(device, args)) == name


def test_uhd_takes_other_makers_radios_only_where_that_is_asked():
    assert usrps_only("serial=1") == "serial=1,soapy_uhd_no_deeper=1"
    assert usrps_only("") == "soapy_uhd_no_deeper=1"
    assert usrps_only("type=soapy,driver=hackrf") == "type=soapy,driver=hackrf"


@pytest.mark.parametrize(
    ("device", "args"),
    [("hackrf", ""), ("hackrf", "ab"), ("osmosdr", "hackrf"), ("soapy", "driver=hackrf"),
     ("uhd", "type=soapy,driver=hackrf"), ("soapy", "driver=hackrf,serial=ab")],
)  # fmt: skip
def test_a_transmitter_does_not_choose_among_boards(device, args, monkeypatch):
    monkeypatch.setattr(naming, "serial_numbers", lambda: ["01ab", "02ab"])
    with pytest.raises(UsageError, match="01ab, 02ab"):
        check_there(config(device, args), transmit=True)
    check_there(config(device, args), transmit=False)
    for named in ("01ab", "1"):
        check_there(config("hackrf", named), transmit=True)


def test_a_board_that_is_not_there_is_told_before_others_are_opened(monkeypatch):
    monkeypatch.setattr(naming, "serial_numbers", lambda: ["01ab"])
    with pytest.raises(DeviceError, match="no HackRF found"):
        check_there(config("soapy", "driver=hackrf,serial=beef"), transmit=False)


WRONG = [
    ("osmosdr", "serial=deadbeef", 2),
    ("osmosdr", "hackrf=deadbeef", 3),
    ("hackrf", "serial=deadbeef", 3),
    ("soapy", "driver=hackrf,serail=dead", 2),
    ("soapy", "driver=hackrf,serial=deadbeef", 3),
    ("soapy", "", 3),
    ("uhd", "addr=127.0.0.1", 3),  # there is no such USRP, but there is a HackRF
    ("uhd", "", 3),
    ("uhd", "type=soapy,driver=hackrf,serial=deadbeef", 3),
]


@pytest.mark.timeout(240)
def test_no_board_is_opened_that_nobody_named(air, launch, small_photos):
    """With the real drivers, and a board that they would take."""
    need("hackrf")
    need("uhd")
    computer = air().computer("one")
    computer.plug("a")
    for device, args, code in WRONG:
        run = launch(
            computer, *CLI, "tx", "--device", device, "--args", args, "--freq", "2.41G",
            "--source", small_photos, "--frames", 1,
        )  # fmt: skip
        assert run.wait(60) == code, (device, args, run.err)
        assert computer.mode("a") is None, (device, args)
        assert len(run.err.strip().splitlines()) == 1


def test_the_board_that_was_named_is_the_one_that_sends(air, launch, small_photos):
    need("hackrf")
    computer = air().computer("one")
    computer.plug("a")
    computer.plug("b")
    run = launch(
        computer, *CLI, "tx", "--device", "hackrf", "--args", f"serial={serial_number('b')}",
        "--freq", "2.41G", "--source", small_photos, "--size", "64x64", "--frames", 1,
    )  # fmt: skip
    assert run.wait(60) == 0, run.err
    assert computer.mode("a") is None and computer.mode("b") == "off"
