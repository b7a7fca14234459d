# SPDX-License-Identifier: GPL-3.0-or-later
"""HackRF boards: through gr-osmosdr, or gr-soapy where that is absent or better.

gr-osmosdr waits for ever for a board that was unplugged, and then cannot open it again, so
`--reconnect` takes gr-soapy.
"""

import importlib.util
import logging
from math import ceil

from percast.errors import DeviceError
from percast.flowgraphs.radios.config import Radio, RadioConfig
from percast.flowgraphs.radios.hackrf_board import HackrfBoard
from percast.flowgraphs.radios.safety.boards import serial_numbers
from percast.flowgraphs.radios.safety.naming import hackrf_fields

log = logging.getLogger(__name__)

_BUFFER = 131072  # samples in a transfer, in libhackrf and in both drivers
_IN_LIBRARY = 4  # transfers that libhackrf itself keeps
_ENOUGH = 0.2  # seconds of samples that a sink's driver is to hold: less latency than its default
_LEAST, _MOST = 4, 15  # buffers
# Seconds of samples that a source's driver may hold back while this process starts its engines:
# they cost memory and no latency. The driver's default is 15 buffers, 0.2 s at 10 Msps.
_HELD_BACK = 1.0


def open_radio(config: RadioConfig, transmit: bool) -> Radio:
    """A source or sink of a board.

    Raises:
        UsageError: a gain that the board does not have.
        DeviceError: no driver is installed.
        RuntimeError, ValueError: the driver's.
    """
    have_soapy = importlib.util.find_spec("gnuradio.soapy") is not None
    have_osmosdr = importlib.util.find_spec("osmosdr") is not None
    if not have_soapy and not have_osmosdr:
        raise DeviceError("--device hackrf: no driver; apt install gr-osmosdr")
    if config.reconnect and not have_soapy:
        raise DeviceError("--reconnect: gr-soapy is missing; apt install gnuradio")
    buffers = min(_MOST, max(_LEAST, ceil(_ENOUGH * config.samp_rate / _BUFFER)))
    if have_osmosdr and not config.reconnect:
        late = max(_MOST, ceil(_HELD_BACK * config.samp_rate / _BUFFER))
        front = _through_osmosdr(config.args, transmit, buffers if transmit else late)
    else:
        front = _through_soapy(config.args, transmit, buffers)
        why = "for --reconnect" if config.reconnect else "for gr-osmosdr is not installed"
        log.info("HackRF through gr-soapy, %s", why)
    took = {"driver": front.driver, **front.set_up(config)}
    latency = (buffers + _IN_LIBRARY + 1) * _BUFFER / took["samp_rate"] + 0.1
    return Radio(front.block, took, live=True, latency=latency, tune=front.tune, gains=front.stages)


def _through_osmosdr(args: str, transmit: bool, buffers: int) -> HackrfBoard:
    from percast.flowgraphs.radios.osmosdr import HackrfFrontend, make_block

    parts = {"buffers": str(buffers)} | hackrf_fields(args)
    parts["hackrf"] = parts["hackrf"].lower() or "0"
    block = make_block(",".join(f"{name}={value}" for name, value in parts.items()), transmit)
    return HackrfFrontend(block, transmit)


def _through_soapy(args: str, transmit: bool, buffers: int) -> HackrfBoard:
    from percast.flowgraphs.radios.soapy import HackrfFrontend, make_block

    parts = hackrf_fields(args)
    count = parts.pop("buffers", buffers)
    serial = _serial(parts.pop("hackrf"))
    parts = {"driver": "hackrf"} | ({"serial": serial} if serial else {}) | parts
    text = ",".join(f"{name}={value}" for name, value in parts.items())
    block = make_block(text, transmit, f"buffers={count}" if transmit else "")
    return HackrfFrontend(block, transmit)


def _serial(name: str) -> str:
    """The whole serial number, which SoapyHackRF wants, of a board that gr-osmosdr knows by a digit
    (an index) or the end of it; "" for any board."""
    there = serial_numbers()
    if not name or not there:
        return name
    meant = there[int(name) :] if len(name) == 1 else [s for s in there if s.endswith(name.lower())]
    if not meant:
        raise RuntimeError("no hackrf device matches")
    return meant[0]
