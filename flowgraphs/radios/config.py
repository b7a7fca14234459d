# SPDX-License-Identifier: GPL-3.0-or-later
"""What `--device` and its options say, and which driver knows which of them."""

import argparse
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from percast.blocks.waveform.profile import DEFAULT_PROFILE, PRESETS
from percast.quantity import quantity
from percast.settings import REQUIRED, SettingError, Settings, setting

Gain = float | dict[str, float]

HARDWARE = ("uhd", "hackrf", "soapy", "osmosdr")
DEVICES = (*HARDWARE, "file", "zmq")

_TUNING = {"freq", "gain", "antenna", "bandwidth", "channel"}
_KNOWN = {
    "uhd": _TUNING | {"lo_offset", "clock_source", "time_source", "agc", "reconnect"},
    "hackrf": {"freq", "gain", "bandwidth", "reconnect"},
    "soapy": _TUNING | {"clock_source", "time_source", "agc", "reconnect"},
    "osmosdr": _TUNING | {"clock_source", "time_source", "agc"},
    "file": {"freq"},
    "zmq": {"freq"},
}
_FLAGS = {"channel": "channels"}
_WHY = {
    ("hackrf", "lo_offset"): "it tunes as a whole; its DC spike falls on the empty DC carrier",
    ("hackrf", "clock_source"): "it takes the clock at CLKIN by itself where there is one",
    ("hackrf", "agc"): "it has none; start with gain LNA=16,VGA=20",
    ("hackrf", "antenna"): "it has one port",
    ("hackrf", "channel"): "it has one",
    ("osmosdr", "reconnect"): "gr-osmosdr cannot let go of a lost radio; use device soapy",
}


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
class RadioConfig(Settings):
    """Which radio, and how it is set; None where nothing was asked for.

    Args:
        device: one of `DEVICES`.
        args: file: the path; zmq: the address, which the transmitter binds; else what the driver
            takes to name a radio.
        samp_rate: samples/s, the waveform's.
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

    group = "radio"

    device: str = setting(
        REQUIRED, "--device", f"one of {', '.join(DEVICES)}",
        metavar="NAME", parse=str, choices=DEVICES,
    )  # fmt: skip
    args: str = setting(
        "", "--args",
        "which one: uhd serial=... or addr=...; hackrf SERIAL; soapy driver=...; osmosdr rtl=0; "
        "file: the recording (.sigmf-meta, .sigmf, .cf32, .cs8); zmq: tcp://127.0.0.1:PORT",
        metavar="TEXT", parse=str,
    )  # fmt: skip
    samp_rate: float = PRESETS[DEFAULT_PROFILE].samp_rate
    freq: float | None = setting(None, "--freq", "carrier; a radio needs it", metavar="HZ")
    gain: Gain | None = setting(
        None, "--gain",
        "in all, or stages by name: VGA=20,AMP=0 (default: a transmitter's lowest; a receiver's "
        "LNA=16,VGA=20,AMP=0 of a HackRF, else the middle)",
        metavar="DB", parse=parse_gain,
    )  # fmt: skip
    antenna: str | None = setting(None, "--antenna", "port of the radio", metavar="NAME", parse=str)
    channel: int | None = setting(
        None, "--channels", "channel of the radio (one)",
        metavar="N", parse=int, least=0, whole=True,
    )  # fmt: skip
    lo_offset: float | None = setting(
        None, "--lo-offset",
        "local oscillator from the carrier (USRP; default: a receiver's beside the band)",
        metavar="HZ", least=-1e9, most=1e9, unit="Hz",
    )  # fmt: skip
    clock_source: str | None = setting(
        None, "--clock-source", "such as internal, external, gpsdo", metavar="NAME", parse=str
    )
    time_source: str | None = setting(None, "--time-source", "likewise", metavar="NAME", parse=str)
    bandwidth: float | None = setting(None, "--bandwidth", "of the analogue filters", metavar="HZ")
    agc: bool = setting(False, "--agc", "let the radio set its gain")
    reconnect: bool = setting(False, "--reconnect", "open the radio again when it was unplugged")

    def check(self) -> Iterator[SettingError]:
        for name in ("freq", "bandwidth"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1e12:
                yield SettingError(name, f"{value:g}: must be a positive number of Hz")

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


def check_flags(config: RadioConfig, transmit: bool) -> None:
    """Refuse what the driver would ignore.

    Args:
        config: of the command line.
        transmit: the direction.

    Raises:
        SettingError: the first field that makes no sense.
    """
    for name in dict.fromkeys(n for known in _KNOWN.values() for n in sorted(known)):
        if not _is_given(getattr(config, name)) or name in _KNOWN[config.device]:
            continue
        why = _WHY.get((config.device, name), "this driver does not know it")
        raise SettingError(name, f"is not for device {config.device}: {why}")
    if config.hardware and config.freq is None:
        need = "say where to transmit" if transmit else "say where to receive"
        raise SettingError("freq", f"is missing: {need}, such as 2.41G")
    if transmit and config.agc:
        raise SettingError("agc", "is for receivers: only they have a gain control")
    if config.agc and config.gain is not None:
        raise SettingError("agc", "does not go with a gain: choose one")


def _is_given(value: object) -> bool:
    return value is not None and value is not False  # 0 is given


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
        tune: sets a frequency and a gain while the radio runs, None for as it is; a gain ends its
            gain control. Gives what the device took.
        gains: tells its gain stages, with the least and the most dB of each.
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
    gains: Callable[[], dict[str, tuple[float, float]]] = dict
    events: bool = False
    stopping: Callable[[], AbstractContextManager] = nullcontext
    watchman: Any = None


# The most that is known of: 15 buffers of 131072 samples in SoapyHackRF and gr-osmosdr, and four
# in libhackrf.
_MOST_BUFFERED = 20 * 131072


def most_latency(samp_rate: float) -> float:
    """Seconds after which a sink whose buffers are not known has sent its last sample."""
    return min(5.0, _MOST_BUFFERED / samp_rate + 0.3)
