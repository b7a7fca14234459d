# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sees of a run: the progress bar and the summary."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from percast.errors import FileError
from percast.tools import process


@contextlib.contextmanager
def progress(frames: int | None) -> Iterator[Callable[[dict], None]]:
    """A progress bar on a terminal; gives the function to call with each received record."""
    if not sys.stderr.isatty():
        yield lambda record: None
        return
    columns = (
        TextColumn("received"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("SNR {task.fields[snr]} dB  {task.fields[figure]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=frames or None, snr="-", figure="")

        def on_image(record: dict) -> None:
            figure = ""
            if record.get("psnr_db") is not None:
                figure = f"PSNR {record['psnr_db']:.1f} dB"
            bar.update(task, advance=1, snr=f"{record['snr_db']:.1f}", figure=figure)

        yield on_image


def _rows(s: dict) -> Iterator[tuple[str, str]]:
    def number(value: float | None, form: str, unit: str = "") -> str:
        return "-" if value is None else f"{value:{form}}{unit}"

    if s["sent"] is None:
        yield (
            "pictures",
            (
                f"{s['received']} received, {s['headers_lost']} headers lost, "
                f"{s['dropped']} dropped as too late"
            ),
        )
    else:
        yield "pictures", f"{s['received']} of {s['sent']} received, {s['lost']} lost"
        if s["skipped"] or s["dropped"]:
            yield "", f"{s['skipped']} unusable in the source, {s['dropped']} dropped as too late"
    left_out = (("unencodable", "not sent"), ("undecodable", "not decodable"))
    if told := [f"{s[key]} {words}" for key, words in left_out if s.get(key)]:
        yield "", f"{', '.join(told)} by codec {s['codec']}"
    rate, delay = s["frames_per_second"], s["latency_ms"]
    yield (
        "speed",
        (
            f"{number(rate, '.1f')} pictures/s, latency {number(delay['p50'], '.0f')} ms median, "
            f"{number(delay['p99'], '.0f')} ms p99"
        ),
    )
    if s.get("frames_per_second_set", 0) is None:
        yield "", "as fast as it goes: pictures wait in full queues; --fps paces them"
    if s["channel"] == "file":
        msps = s["samples_per_second"] / 1e6
        yield "", f"{msps:.1f} Msps, {s['real_time_ratio']:.1f} x real time"
    yield (
        "channel",
        (
            f"{s['channel']}, set to {number(s['snr_db_set'], '.1f', ' dB')}; measured "
            f"{number(s['snr_db_measured'], '.1f', ' dB')}, "
            f"EVM {number(s['evm_db'], '.1f', ' dB')}, "
            f"offset {number(s['freq_offset_hz_measured'], '.0f', ' Hz')}, "
            f"clock {number(s['clock_ppm_measured'], '.1f', ' ppm')}"
        ),
    )
    yield (
        "bandwidth",
        (
            f"1/{number(s['cbr'] and 1 / s['cbr'], '.1f')} channel symbols per source sample, and "
            f"{number(s['overhead'], '.0%')} on top for preamble, header, pilots and prefix; "
            f"{s['occupied_bandwidth_hz'] / 1e6:.2f} MHz at {s['samp_rate'] / 1e6:g} Msps"
        ),
    )
    yield (
        "quality",
        (
            f"PSNR {number(s['psnr_db'], '.2f', ' dB')}, MS-SSIM {number(s['ms_ssim'], '.4f')}, "
            f"LPIPS {number(s['lpips'], '.4f')}"
        ),
    )
    if s.get("mismatched"):
        yield "", f"{s['mismatched']} pictures without figures: their originals have another size"
    if s.get("unscored"):
        yield "", f"{s['unscored']} pictures without figures: too many were on their way"
    yield "code", f"{s['model']} on {s['engine_reason']}"
    if "radio" in s:
        yield "radio", radio_line(s)


def link_line(s: dict) -> str:
    """How a running receiver does: what its JSON keys say so far, in words."""
    line = (
        f"{s['received']} pictures of {s['packets']} packets received, "
        f"{s['headers_lost']} headers lost, {s['dropped']} dropped"
    )
    if s["undecodable"]:
        line += f", {s['undecodable']} not decodable"
    if s["snr_db_measured"] is not None:
        line += f", SNR {s['snr_db_measured']:.1f} dB, offset {s['freq_offset_hz_measured']:.0f} Hz"
    return line + _and_radio(s)


def sent_line(s: dict) -> str:
    """How a running transmitter does, likewise."""
    return f"{s['sent']} pictures sent{_and_radio(s)}"


def _and_radio(s: dict) -> str:
    return f", radio: {radio_line(s)}" if "radio" in s else ""


def radio_line(s: dict) -> str:
    """How a radio did: what its JSON keys say, in words."""
    names = ("overruns", "underruns", "late", "sequence_errors", "reconnected")
    counts = [f"{s[name]} {name.replace('_', ' ')}" for name in names if s[name]]
    level = s.get("level")
    if level and level["loudest_dbfs"] is not None:
        share = level["clipped_share"]
        counts.insert(0, f"loudest {level['loudest_dbfs']:.0f} dBFS, {share:.2%} clipped")
    return ", ".join(counts) or "no errors"


def print_summary(summary: dict) -> None:
    """A few lines on stdout."""
    for label, text in _rows(summary):
        print(f"{label:<10} {text}")


def print_json(value: object) -> None:
    """One JSON object on stdout.

    Raises:
        FileError: stdout's reader has gone, or its disk is full.
    """
    try:
        print(json.dumps(value, allow_nan=False), flush=True)
    except OSError as error:
        raise FileError(f"the output could not be written: {error.strerror}") from error


def print_sent(summary: dict, whole: bool = True) -> None:
    """What a transmitter did, on stdout; where its device took not the `whole` of it, not as if
    that had been sent."""
    done = "sent" if whole else "coded, and not all of them sent"
    print(f"pictures   {summary['sent']} {done}, {summary['frames_per_second']:.1f} pictures/s")
    print(f"code       {summary['model']} on {summary['engine_reason']}")
    if "radio" in summary:
        print(f"radio      {radio_line(summary)}")


def print_plan(plan: dict) -> None:
    """What `--dry-run` would do, on stdout."""

    def mega(value: float | None) -> str:
        return "-" if value is None else f"{value / 1e6:.6g} MHz"

    asked = ", ".join(f"{name} {value}" for name, value in plan["asked"].items())
    print(f"device     {plan['device']} {plan['args']}".rstrip() + f", to {plan['direction']}")
    print(f"frequency  {mega(plan['freq'])}, {plan['samp_rate'] / 1e6:g} Msps")
    print(
        f"bandwidth  {plan['occupied_bandwidth_hz'] / 1e6:.3f} MHz occupied, "
        f"{mega(plan['lower_edge_hz'])} to {mega(plan['upper_edge_hz'])}"
    )
    print(f"asked      {asked or '-'}")
    if plan["direction"] == "transmit":
        print(
            f"spectrum   99% of the power in {mega(plan['occupied_bandwidth_99_hz'])}, "
            f"{plan['adjacent_channel_db']:.0f} dB beside the band, density "
            f"{plan['far_leakage_db']:.0f} dB at the ends of the sample band"
        )
        print(f"stream     {plan['stream']}, {plan['header']} headers")
        gain = "" if plan["gain"] is None else f", gain {plan['gain']}"
        boosted = ""
        if plan["strongest_dbfs"] > plan["tx_level_dbfs"]:
            boosted = f", {plan['strongest_dbfs']:g} of preamble and header"
        print(f"level      {plan['tx_level_dbfs']:g} dBFS mean of the payload{boosted}{gain}")
        print(f"power      {plan['eirp'] or 'nothing is radiated'}")


def say(text: str) -> None:
    """One line to stderr for the person at the terminal."""
    process.say(text)
