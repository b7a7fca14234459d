# SPDX-License-Identifier: GPL-3.0-or-later
"""What `--device` and its options say, and which driver knows which of them."""

import argparse
import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from percast.errors import UsageError
from percast.quantity import quantity

Gain = float | dict[str, float]

HARDWARE = ("uhd", "hackrf", "soapy", "osmosdr")
DEVICES = (*HARDWARE, "file", "zmq")

_TUNING = {"freq", "gain", "antenna", "bandwidth", "channel"}
_KNOWN = {
    "uhd": _TUNING | {"lo_offset", "clock_source", "time_source", "agc", "reconnect", "control"},
    "hackrf": {"freq", "gain", "bandwidth", "reconnect", "control"},
    "soapy": _TUNING | {"clock_source", "time_source", "agc", "reconnect", "control"},
    "osmosdr": _TUNING | {"clock_source", "time_source", "agc", "control"},
    "file": {"freq"},
    "zmq": {"freq"},
}
_FLAGS = {"channel": "channels"}
_WHY = {
    ("hackrf", "lo_offset"): "it tunes as a whole; its DC spike falls on the empty DC carrier",
    ("hackrf", "clock_source"): "it takes the clock at CLKIN by itself where there is one",
    ("hackrf", "agc"): "it has none; start with --gain LNA=16,VGA=20",
    ("hackrf", "antenna"): "it has one port",
    ("hackrf", "channel"): "it has one",
    ("osmosdr", "reconnect"): "gr-osmosdr cannot let go of a lost radio; use --device soapy",
}


@dataclass(frozen=True)
class RadioConfig:
    """What `--device` and its options say; None where an option was not given.

    Args:
        device: one of `DEVICES`.
        args: file: the path; zmq: the address, which the transmitter binds; else what the driver
            takes to name a radio.
        samp_rate: samples/s.
        freq: carrier in Hz.
        gain: dB, of all stages together or by their names.
        antenna: name of a port.
        channel: number of the radio's channel.
        lo_offset: Hz from the carrier to the local oscillator.
        clock_source, time_source: of the reference.
        bandwidth: of the analogue filters, Hz.
        agc: gain control by the radio; receivers only.
        reconnect: open the radio again when it was lost.
    """

    device: str
    args: str
    samp_rate: float
    freq: float | None = None
    gain: Gain | None = None
    antenna: str | None = None
    channel: int | None = None
    lo_offset: float | None = None
    clock_source: str | None = None
    time_source: str | None = None
    bandwidth: float | None = None
    agc: bool = False
    reconnect: bool = False

    @property
    def hardware(self) -> bool:
        """A radio, and not a file or another process."""
        return self.device in HARDWARE

    @property
    def bursts(self) -> bool:
        """A transmitter sends packets with nothing in between.

        USRPs do. What uhd-soapysdr drives does not: it is switched off at the end of each burst,
        with most of its samples still in its buffers.
        """
        return self.device == "uhd" and "type=soapy" not in self.args.replace(" ", "")

    def asked(self) -> dict:
        """The options that were given, by their names."""
        given = dataclasses.asdict(self)
        for name in ("device", "args", "reconnect"):
            del given[name]
        return {_FLAGS.get(k, k): v for k, v in given.items() if _is_given(v)}


def check_flags(config: RadioConfig, transmit: bool, **others: object) -> None:
    """Refuse what the driver would ignore.

    Args:
        config: of the command line.
        transmit: the direction.
        others: further options by name, None or False where they were not given.

    Raises:
        UsageError: naming the option.
    """
    given = dataclasses.asdict(config) | others
    for name in dict.fromkeys(n for known in _KNOWN.values() for n in sorted(known)):
        value = given.get(name)
        if not _is_given(value) or name in _KNOWN[config.device]:
            continue
        why = _WHY.get((config.device, name), "this driver does not know it")
        raise UsageError(f"--{_flag(name)}: not with --device {config.device}: {why}")
    if config.hardware and config.freq is None:
        need = "say where to transmit" if transmit else "say where to receive"
        raise UsageError(f"--freq: {need}, such as --freq 2.41G")
    if transmit and config.agc:
        raise UsageError("--agc: only receivers have a gain control")
    if config.agc and config.gain is not None:
        raise UsageError("--agc and --gain: choose one")
    for name in ("freq", "bandwidth"):
        value = given[name]
        if value is not None and not 0 < value < 1e12:
            raise UsageError(f"--{name} {value:g}: must be a positive number of Hz")


def _is_given(value: object) -> bool:
    return value is not None and value is not False  # 0 is given


def _flag(name: str) -> str:
    return _FLAGS.get(name, name).replace("_", "-")


def parse_gain(text: str) -> Gain:
    """A number for "20", stages for "LNA=16,VGA=20"; for `type=` of an option.

    Raises:
        argparse.ArgumentTypeError: neither.
    """
    if "=" not in text:
        return quantity(text)
    stages = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if not name.strip() or not value.strip():
            raise argparse.ArgumentTypeError(f"'{text}' is not a gain such as 20 or LNA=16,VGA=20")
        stages[name.strip()] = quantity(value)
    return stages


@dataclass(frozen=True)
class Radio:
    """An open device.

    Args:
        block: source or sink of complex samples.
        took: what the device took where that may differ from what was asked.
        live: samples come when they come and cannot be held back.
        close: to be called when the graph has stopped.
        bursts: a sink that takes packets with nothing in between.
        latency: seconds of samples that a sink's own buffers hold.
        tune: sets a frequency and a gain while the radio runs, None for as it is; gives what the
            device took.
        events: the block has a port `async_msgs`.
        stopping: to be held while its graph is stopped.
        watchman: switches the board off if this process ends without having closed it.
    """

    block: Any
    took: dict
    live: bool
    close: Callable[[], None] = lambda: None
    bursts: bool = False
    latency: float = 0.0
    tune: Callable[[float | None, Gain | None], dict] | None = None
    events: bool = False
    stopping: Callable[[], AbstractContextManager] = nullcontext
    watchman: Any = None


# The most that is known of: 15 buffers of 131072 samples in SoapyHackRF and gr-osmosdr, and four
# in libhackrf.
_MOST_BUFFERED = 20 * 131072


def most_latency(samp_rate: float) -> float:
    """Seconds after which a sink whose buffers are not known has sent its last sample."""
    return min(5.0, _MOST_BUFFERED / samp_rate + 0.3)
