# SPDX-License-Identifier: GPL-3.0-or-later
"""What `tx` and `rx` do alike with a radio: options, plan, what it took."""

import argparse
import contextlib
import logging
from collections.abc import Iterator

from percast.flowgraphs.config import RunConfig
from percast.flowgraphs.radios.config import RadioConfig, check_flags
from percast.flowgraphs.radios.safety.naming import check_words
from percast.tools import process, report

log = logging.getLogger(__name__)

QUEUE_SECONDS = {"transmit": 0.1, "receive": 1.0}  # of samples between link and radio
_CLOCK_PPM = 50  # beyond which a radio's sample rate is another one; the receiver follows 150


def add_options(parser: argparse.ArgumentParser, transmit: bool) -> None:
    RadioConfig.add_options(parser, without=("agc",) if transmit else ())
    RunConfig.add_options(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be done; open no device"
    )


def radio_config(args: argparse.Namespace, samp_rate: float, transmit: bool) -> RadioConfig:
    """The checked `RadioConfig` that the options describe; `replay` has few of them.

    Args:
        args: the options.
        samp_rate: of the waveform, samples/s.
        transmit: the direction.

    Raises:
        UsageError: an option that the device does not know, or one that it needs.
    """
    with RadioConfig.told_as_flags():
        config = RadioConfig.from_args(args, samp_rate=samp_rate)
        check_flags(config, transmit)
        check_words(config, transmit)
    return config


def tell_plan(told: dict, as_json: bool) -> None:
    """Answer `--dry-run` with a `plan`."""
    if as_json:
        report.print_json(told)
    else:
        report.print_plan(told)


@contextlib.contextmanager
def on_air(config: RadioConfig, transmit: bool) -> Iterator["Station"]:  # noqa: F821
    """A station that keeps an open radio running, its drivers' output caught.

    Raises:
        PercastError: the radio cannot be had.
    """
    from percast.flowgraphs.radios.chatter import Chatter
    from percast.flowgraphs.radios.factory import open_sink, open_source
    from percast.flowgraphs.radios.station import Station

    seconds = QUEUE_SECONDS["transmit" if transmit else "receive"]
    with contextlib.ExitStack() as stack:
        chatter = stack.enter_context(Chatter())
        opener = open_sink if transmit else open_source
        station = Station(opener, config, transmit, seconds, chatter)
        stack.callback(process.stop_station, station)
        report.say(f"percast: {describe(config, station.took)}")
        _warn_of_rate(config.samp_rate, station.took["samp_rate"])
        yield station


def describe(config: RadioConfig, took: dict) -> str:
    """One line: what was asked, and what the radio took."""
    asked = config.asked()
    parts = []
    for name, value in took.items():
        want = asked.get(name)
        if name == "driver" or (value in (None, "") and want is None):
            continue
        note = "" if want is None or _same(want, value) else f" (asked {_text(name, want)})"
        parts.append(f"{name.replace('_', ' ')} {_text(name, value)}{note}")
    return f"{config.device} through {took['driver']}: {', '.join(parts)}"


def _warn_of_rate(asked: float, took: float) -> None:
    if abs(took / asked - 1) > _CLOCK_PPM * 1e-6:
        log.warning(
            "the radio took %g samples/s in place of %g: give the other end --samp-rate %g",
            took,
            asked,
            took,
        )


def _same(want: object, got: object) -> bool:
    if isinstance(want, dict):
        by_name = {name.upper(): gain for name, gain in got.items()}
        return all(_same(gain, by_name.get(name.upper())) for name, gain in want.items())
    if isinstance(want, int | float) and isinstance(got, dict):
        return abs(sum(got.values()) - want) < 0.5
    if isinstance(want, int | float) and isinstance(got, int | float):
        return abs(want - got) <= 1e-6 * abs(want)
    return want == got


_UNITS = {
    "freq": ("Hz", 1e6, "M"),
    "samp_rate": ("sps", 1e6, "M"),
    "bandwidth": ("Hz", 1e6, "M"),
    "lo_offset": ("Hz", 1e6, "M"),
}


def _text(name: str, value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{stage}={gain:g}" for stage, gain in value.items())
    if name in _UNITS and isinstance(value, int | float):
        unit, scale, prefix = _UNITS[name]
        return f"{value / scale:.6g} {prefix}{unit}"
    return f"{value:g} dB" if isinstance(value, int | float) else str(value or "unknown")
