# SPDX-License-Identifier: GPL-3.0-or-later
"""What `--args` names.

Drivers pass over words that they do not know and take the first radio there is; gr-osmosdr does
so where it finds none of its drivers, and UHD takes SoapySDR's radios for want of a USRP. So what
they would pass over is refused here, and UHD is kept to USRPs.
"""

import re

from percast.errors import DeviceError, UsageError
from percast.flowgraphs.radios.config import RadioConfig
from percast.flowgraphs.radios.explain import explain
from percast.flowgraphs.radios.safety import vocabulary
from percast.flowgraphs.radios.safety.boards import serial_numbers

_NAME = re.compile(r"[0-9]|[0-9a-fA-F]{2,32}")  # a HackRF: its index, or its serial number's end
_NO_SOAPY = "soapy_uhd_no_deeper=1"  # for uhd-soapysdr, which is part of UHD where it is installed


def fields(args: str) -> dict[str, str]:
    """Of NAME=VALUE,NAME=VALUE, as all drivers take them."""
    return dict(_pairs(args))


def _pairs(args: str) -> list[tuple[str, str]]:
    parts = (part.partition("=") for part in re.findall(r"(?:'[^']*'|[^,'])+", args))
    return [(name.strip(), value.strip()) for name, _, value in parts if name.strip()]


def hackrf_fields(args: str) -> dict[str, str]:
    """Of `--device hackrf`, which also takes an index or the end of a serial number alone, or after
    `serial=`; its name, "" for none, is that of "hackrf"."""
    first, comma, rest = args.partition(",")
    if first.strip() and "=" not in first and first.strip() != "hackrf":
        args = f"hackrf={first}{comma}{rest}"
    given = fields(args)
    if "serial" in given and "hackrf" not in given:
        given["hackrf"] = given.pop("serial")
    return {"hackrf": ""} | given


def hackrf_named(config: RadioConfig) -> str | None:
    """Which HackRF: its index or the end of its serial number, "" for any; None for no HackRF."""
    if config.device == "hackrf":
        return hackrf_fields(config.args)["hackrf"]
    given = fields(config.args)
    if config.device == "osmosdr" and "hackrf" in given:
        return given["hackrf"]
    return given.get("serial", "") if given.get("driver") == "hackrf" else None


def usrps_only(args: str) -> str:
    """`--args` for UHD, so that it does not look for other makers' radios unless that is asked."""
    if fields(args).get("type") == "soapy":
        return args
    return f"{args},{_NO_SOAPY}" if args else _NO_SOAPY


def check_words(config: RadioConfig, transmit: bool) -> None:
    """Refuse words that a driver would pass over.

    Raises:
        UsageError: naming the word, and those that there are.
    """
    if not config.args.strip():
        return  # any radio, or an error of the driver's module
    names = [name for name, _ in _pairs(config.args)]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"--args {config.args}: {twice[0]} is there twice")
    if config.device == "hackrf":
        _check_known(
            config.args, hackrf_fields(config.args), {"hackrf", "buffers", "bias", "bias_tx"}
        )
    elif config.device == "osmosdr":
        _check_osmosdr(config.args, transmit)
    elif config.device == "uhd":
        _check_uhd(config.args)
    elif config.device == "soapy":
        _check_soapy(config.args, fields(config.args))
    name = hackrf_named(config)
    if name and not _NAME.fullmatch(name):
        raise UsageError(
            f"--args {config.args}: {name} is no index of a HackRF (0 to 9) and no end of a serial "
            "number (2 to 32 hexadecimal digits)"
        )


def check_there(config: RadioConfig, transmit: bool) -> None:
    """Refuse a HackRF that is not there, for drivers open all others to look for it, and to choose
    among several when one is about to send.

    Raises:
        DeviceError: there is no such board, but others.
        UsageError: there are several.
    """
    name = hackrf_named(config)
    if name is None or (len(name) == 1 and config.device in ("hackrf", "osmosdr")):
        return
    there = serial_numbers()
    meant = [serial for serial in there if serial.endswith(name.lower())]
    if there and not meant:
        absent = RuntimeError("no hackrf device matches")
        raise DeviceError(explain(absent, config, transmit))
    if transmit and len(meant) > 1:
        raise UsageError(
            f"--args{' ' + config.args if config.args else ''}: {len(meant)} HackRFs are meant: "
            f"name one by its serial number ({', '.join(meant)})"
        )


def _check_osmosdr(args: str, transmit: bool) -> None:
    known = vocabulary.OSMOSDR_SINKS if transmit else vocabulary.OSMOSDR_SOURCES
    given = fields(args)
    named = [driver for driver in known if driver in given]
    if len(named) != 1 or re.search(r"\s", re.sub(r"'[^']*'", "", args.strip())):
        does = "send" if transmit else "receive"
        raise UsageError(
            f"--args {args}: name one radio by the driver of gr-osmosdr, such as hackrf=0; those "
            f"that {does} are {', '.join(known)}"
        )
    (driver,) = named
    others = {name: value for name, value in given.items() if name != driver}
    if driver == "uhd":
        own = known[driver]
        _check_uhd(args, {n: v for n, v in others.items() if n not in own})
    elif driver == "soapy":
        _check_soapy(args, others)
    else:
        _check_known(args, others, known[driver])


def _check_uhd(args: str, given: dict[str, str] | None = None) -> None:
    given = fields(args) if given is None else given
    if given.get("type") == "soapy":
        _check_soapy(args, {n: v for n, v in given.items() if n != "type"})
    else:
        _check_known(args, {name.rstrip("0123456789"): "" for name in given}, vocabulary.UHD)


def _check_soapy(args: str, given: dict[str, str]) -> None:
    if not given.get("driver"):
        raise UsageError(f"--args {args}: say which of SoapySDR's drivers, such as driver=hackrf")
    if given["driver"] != "hackrf":
        remote = {name for name in given if ":" in name}  # of SoapyRemote
        _check_known(args, given, vocabulary.SOAPY | remote)
        return
    _check_known(args, given, vocabulary.SOAPY_HACKRF)
    if not given.get("serial") and set(given) - {"driver"}:
        raise UsageError(f"--args {args}: name a HackRF by serial=; its driver looks at no other")


def _check_known(args: str, given: dict[str, str], known: set[str]) -> None:
    for name in given:
        if name not in known:
            raise UsageError(
                f"--args {args}: the driver would pass over {name} and take any radio; it knows "
                f"{', '.join(sorted(known))}"
            )


def check_given(config: RadioConfig, example: str) -> None:
    """Refuse to leave the choice to a driver for many kinds of radios.

    Raises:
        DeviceError: `--args` names none.
    """
    if not config.args.strip():
        raise DeviceError(
            f"--device {config.device}: name the radio with --args, such as --args {example}; "
            "`percast devices` lists what is there"
        )
