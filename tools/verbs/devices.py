# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast devices`: the radios that each driver sees, and the drivers that are missing."""

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

from percast import home
from percast.tools import report

_TIMEOUT = 20  # seconds; UHD asks the network, too

# gr-osmosdr lists what might be there, and what UHD and SoapySDR list themselves.
_NOT_ATTACHED = frozenset("file rtl_tcp redpitaya uhd soapy sdr-ip sdr-iq netsdr cloudiq".split())

# Drivers have crashed while they looked, so each looks in a process of its own.
_OSMOSDR = """
import json, osmosdr
print("\\n" + json.dumps([d.to_string() for d in osmosdr.device.find()]))
"""
_SOAPY = """
import json, SoapySDR
found = [dict(d) for d in SoapySDR.Device.enumerate()]
print("\\n" + json.dumps(found if SoapySDR.listModules() else ["no modules"]))
"""


@dataclass(frozen=True)
class Drivers:
    """What one way to radios has found.

    Args:
        driver: what `--device` calls it.
        devices: for each radio what `--args` takes, and what its driver tells of it.
        missing: a package that is not installed, with the line that brings it.
        problem: why nothing could be listed.
    """

    driver: str
    devices: list[dict] = field(default_factory=list)
    missing: str | None = None
    problem: str | None = None


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    found = look()
    if args.json:
        report.print_json({d.driver: asdict(d) for d in found})
        return 0
    for drivers in found:
        for device in drivers.devices:
            told = ", ".join(f"{k} {v}" for k, v in device.items() if k != "args" and v)
            print(f"{drivers.driver:<8} --args {device['args']:<28} {told}")
        if not drivers.devices:
            print(f"{drivers.driver:<8} {drivers.missing or drivers.problem or 'nothing attached'}")
    return 0


def look() -> list[Drivers]:
    """All that each driver finds; they look at the same time."""
    home.settle_gnu_radio(runs=False)
    finders = (find_usrps, find_osmosdr, find_soapy)
    with ThreadPoolExecutor() as pool:
        usrps, osmosdr, soapy = pool.map(lambda find: find(), finders)
    return [usrps, hackrfs_among(osmosdr, soapy), osmosdr, soapy]


def find_usrps() -> Drivers:
    if (program := shutil.which("uhd_find_devices")) is None:
        return Drivers("uhd", missing="uhd_find_devices is missing: apt install uhd-host")
    if not _have("gnuradio.uhd"):
        return Drivers("uhd", missing="gr-uhd is missing: apt install gnuradio")
    out, problem = _run([program])
    if problem and "No UHD Devices Found" in out:
        problem = None
    return Drivers("uhd", parse_usrps(out), problem=problem)


def parse_usrps(text: str) -> list[dict]:
    """The devices in what `uhd_find_devices` prints."""
    devices: list[dict] = []
    for line in text.splitlines():
        if line.startswith("-- UHD Device"):
            devices.append({})
        elif devices and line.startswith("    ") and ":" in line:
            key, _, value = line.strip().partition(":")
            devices[-1][key] = value.strip()
    for device in devices:
        keys = ["type", "driver"] if device.get("type") == "soapy" else []
        by = next((k for k in ("serial", "addr", "name", "type") if device.get(k)), "serial")
        device["args"] = ",".join(f"{k}={device.get(k, '')}" for k in (*keys, by))
    return devices


def find_osmosdr() -> Drivers:
    if not _have("osmosdr"):
        return Drivers("osmosdr", missing="gr-osmosdr is missing: apt install gr-osmosdr")
    found, problem = _ask_python(_OSMOSDR)
    devices = []
    for text in found:
        fields = _split_args(text)
        label = fields.pop("label", "")
        args = ",".join(f"{k}={v}" if v else k for k, v in fields.items())
        if not _NOT_ATTACHED & set(fields):
            devices.append({"args": args, "label": label})
    return Drivers("osmosdr", devices, problem=problem)


def hackrfs_among(osmosdr: Drivers, soapy: Drivers) -> Drivers:
    """What `--device hackrf` can open: through gr-osmosdr, else through SoapySDR."""
    if not osmosdr.missing:
        boards = [d for d in osmosdr.devices if d["args"].startswith("hackrf")]
        return Drivers("hackrf", boards, problem=osmosdr.problem)
    if not soapy.missing:
        boards = [d for d in soapy.devices if d.get("driver") == "hackrf"]
        found = [d | {"args": d.get("serial", "")} for d in boards]
        return Drivers("hackrf", found, problem=soapy.problem)
    return Drivers("hackrf", missing=osmosdr.missing)


def find_soapy() -> Drivers:
    if not _have("SoapySDR"):
        missing = "SoapySDR is missing: apt install python3-soapysdr soapysdr-module-all"
        return Drivers("soapy", missing=missing)
    found, problem = _ask_python(_SOAPY)
    if found == ["no modules"]:
        missing = "SoapySDR has no modules for radios: apt install soapysdr-module-all"
        return Drivers("soapy", missing=missing)
    devices = []
    for fields in found:
        by = [k for k in ("driver", "serial") if fields.get(k)]
        devices.append({"args": ",".join(f"{k}={fields[k]}" for k in by), **fields})
    return Drivers("soapy", devices, problem=problem)


def _have(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


def _run(command: list[str]) -> tuple[str, str | None]:
    """What a program prints, and what went wrong."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return "", f"{command[0]} does not answer within {_TIMEOUT} s"
    except OSError as error:
        return "", f"{command[0]} cannot be run: {error.strerror}"
    if done.returncode:
        words = (done.stdout + done.stderr).strip().splitlines()
        last = words[-1].strip() if words else f"ended with code {done.returncode}"
        return done.stdout + done.stderr, f"the driver failed: {last[:120]}"
    return done.stdout, None


def _ask_python(program: str) -> tuple[list, str | None]:
    """The JSON list on a program's last line; drivers print before it."""
    out, problem = _run([sys.executable, "-c", program])
    if problem:
        return [], problem
    try:
        return json.loads(out.strip().splitlines()[-1]), None
    except (ValueError, IndexError):
        return [], "the driver's answer makes no sense"


def _split_args(text: str) -> dict[str, str]:
    """gr-osmosdr's "hackrf=1234,label='HackRF One 1234'" to fields."""
    fields, key, value, quoted = {}, "", None, False
    for char in text + ",":
        if char == "'":
            quoted = not quoted
        elif char == "," and not quoted:
            fields[key] = value or ""
            key, value = "", None
        elif char == "=" and not quoted and value is None:
            value = ""
        elif value is None:
            key += char
        else:
            value += char
    fields.pop("", None)
    return fields
