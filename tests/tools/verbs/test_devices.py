# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast devices`."""

from percast.tools.verbs import devices
from percast.tools.verbs.devices import Drivers, hackrfs_among, parse_usrps


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
    monkeypatch.setattr(devices, "_TIMEOUT", 0.5)
    assert devices._ask_python("import time; time.sleep(9)")[1].endswith("within 0.5 s")
    assert "failed" in devices._ask_python("import os; os.abort()")[1]
    assert devices._ask_python("print('banner'); print('no json')")[0] == []


def test_a_hackrf_is_listed_through_the_driver_that_would_open_it():
    osmosdr = Drivers("osmosdr", [{"args": "hackrf=1234"}, {"args": "rtl=0"}])
    soapy = Drivers("soapy", [{"args": "driver=hackrf", "driver": "hackrf", "serial": "1234"}])
    none = Drivers("osmosdr", missing="gr-osmosdr is missing: apt install gr-osmosdr")
    assert hackrfs_among(osmosdr, soapy).devices == [{"args": "hackrf=1234"}]
    assert hackrfs_among(none, soapy).devices[0]["args"] == "1234"
    assert hackrfs_among(none, Drivers("soapy", missing="x")).missing == none.missing
