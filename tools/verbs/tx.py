# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast tx`: pictures to a radio or a recording."""

import argparse
import contextlib
import time
from dataclasses import dataclass, replace
from typing import Self

from percast.blocks.images.config import SourceConfig
from percast.blocks.recordings.writer import check_not_read
from percast.blocks.waveform.profile import WaveformConfig
from percast.engines.codecs.config import CodecConfig
from percast.errors import INTERRUPTED
from percast.flowgraphs.config import RunConfig, TransmitterConfig
from percast.flowgraphs.radios.config import RadioConfig
from percast.flowgraphs.radios.plan import plan
from percast.tools import on_air as radios
from percast.tools import process, report, summaries
from percast.tools.control import listening
from percast.tools.controls.desk import Desk
from percast.tools.controls.link import Link
from percast.tools.options import add_output_options
from percast.tools.settings import files_read, gnu_radio, open_codec

_RECEIVERS_ONLY = ("conceal",)
"""Of the codec's settings, what only decoding heeds."""


def add_options(parser: argparse.ArgumentParser) -> None:
    SourceConfig.add_options(parser)
    CodecConfig.add_options(parser, without=_RECEIVERS_ONLY)
    WaveformConfig.add_options(parser)
    TransmitterConfig.add_options(parser)
    radios.add_options(parser, transmit=True)
    add_output_options(parser)
    parser.set_defaults(main=main)


@dataclass(frozen=True)
class TxConfig:
    """What `percast tx` is asked for."""

    source: SourceConfig
    code: CodecConfig
    waveform: WaveformConfig
    transmitter: TransmitterConfig
    radio: RadioConfig
    run: RunConfig

    @classmethod
    def from_args(cls, args: argparse.Namespace) -> Self:
        """Raises `UsageError`, naming a flag."""
        source, waveform = SourceConfig.from_args(args), WaveformConfig.from_args(args)
        run = RunConfig.from_args(args)
        radio = radios.radio_config(args, waveform.open().samp_rate, transmit=True)
        if source.frames is None and radio.hardware:
            source = replace(source, frames=0)
        code, transmitter = CodecConfig.from_args(args), TransmitterConfig.from_args(args)
        return cls(source, code, waveform, transmitter, radio, run)


def main(args: argparse.Namespace) -> int:
    wanted = TxConfig.from_args(args)
    if args.dry_run:
        profile = wanted.waveform.open().towards(wanted.code.design_snr_db)
        level = wanted.transmitter.tx_level
        told = plan(wanted.radio, profile, transmit=True, tx_level=level)
        radios.tell_plan(told, args.json)
        return 0
    if wanted.radio.device == "file" and wanted.radio.args:
        check_not_read(wanted.radio.args, files_read(wanted.source.source, wanted.code), "--args")
    summary, ending = transmit(wanted)
    if args.json:
        report.print_json(summary)
    else:
        report.print_sent(summary, whole=ending.error is None)
    ending.check()
    if ending.interrupted:
        return INTERRUPTED
    summaries.check_codec(summary)
    return 0


def transmit(wanted: TxConfig) -> tuple[dict, object]:
    """Send pictures until there are no more or somebody ends it.

    Returns:
        The JSON object, and how it ended (`flowgraphs.run.Ending`).

    Raises:
        PercastError: anything that the user can mend.
    """
    with process.signals_held(), gnu_radio():
        from percast.flowgraphs.one_end import Transmit, TransmitOnAir
        from percast.flowgraphs.radios.factory import open_sink
        from percast.flowgraphs.run import run as run_graph
        from percast.flowgraphs.transmitter import Transmitter
    profile, station = wanted.waveform.open(), None
    with contextlib.ExitStack() as stack:
        control = stack.enter_context(listening(wanted.run))
        if wanted.radio.hardware:
            # Before the pictures and the model: what fails most often is told first.
            station = stack.enter_context(radios.on_air(wanted.radio, transmit=True))
            profile = replace(profile, samp_rate=station.took["samp_rate"])
        pictures = stack.enter_context(wanted.source.open())
        fps = wanted.transmitter.fps
        codec = open_codec(wanted.code, wanted.source.size, ("encode",), fps)
        stack.callback(codec.close)
        transmitter = Transmitter(pictures, codec, profile, config=wanted.transmitter)
        if station is not None:
            graph = TransmitOnAir(transmitter, station)
        else:
            with RadioConfig.told_as_flags():
                radio = open_sink(wanted.radio)
            stack.callback(radio.close)
            graph = Transmit(transmitter, radio)
        if control is not None:
            control.desk = Desk(
                Link(
                    graph.stats, f"sending by {wanted.radio.device}", transmitter=transmitter,
                    pictures=wanted.source, station=station, codec=codec,
                )
            )  # fmt: skip
        start = time.monotonic()
        ending = run_graph(
            graph, wanted.run.seconds, lambda: report.sent_line(summaries.sent(graph.stats()))
        )
        seconds = time.monotonic() - start
        sent = summaries.sent(graph.stats())
        summary = sent | {"frames_per_second": sent["sent"] / seconds}
        summary |= {"control_malformed": control.malformed if control else 0}
    return summary, ending
