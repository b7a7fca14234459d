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
from percast.tools.options import add_output_options
from percast.tools.settings import files_read, gnu_radio, open_codec


def add_options(parser: argparse.ArgumentParser) -> None:
    SourceConfig.add_options(parser)
    CodecConfig.add_options(parser)
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
        radio = radios.radio_config(args, waveform.open().samp_rate, run, transmit=True)
        if source.frames is None and radio.hardware:
            source = replace(source, frames=0)
        code, transmitter = CodecConfig.from_args(args), TransmitterConfig.from_args(args)
        return cls(source, code, waveform, transmitter, radio, run)


def main(args: argparse.Namespace) -> int:
    wanted = TxConfig.from_args(args)
    if args.dry_run:
        level = wanted.transmitter.tx_level
        told = plan(wanted.radio, wanted.waveform.open(), transmit=True, tx_level=level)
        radios.tell_plan(told, args.json)
        return 0
    if wanted.radio.device == "file" and wanted.radio.args:
        check_not_read(
            wanted.radio.args, files_read(wanted.source.source, wanted.code), "--args"
        )
    summary, ending = transmit(wanted)
    if args.json:
        report.print_json(summary)
    else:
        report.print_sent(summary)
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
    profile, on_air = wanted.waveform.open(), None
    with contextlib.ExitStack() as stack:
        if wanted.radio.hardware:
            # Before the pictures and the model: what fails most often is told first.
            on_air = stack.enter_context(radios.on_air(wanted.radio, wanted.run, transmit=True))
            profile = replace(profile, samp_rate=on_air.station.took["samp_rate"])
        pictures = stack.enter_context(wanted.source.open())
        codec = open_codec(wanted.code, wanted.source.size, ("encode",))
        stack.callback(codec.close)
        transmitter = Transmitter(pictures, codec, profile, config=wanted.transmitter)
        if on_air is not None:
            graph = TransmitOnAir(transmitter, on_air.station)
            on_air.answer(graph.stats)
        else:
            with RadioConfig.told_as_flags():
                radio = open_sink(wanted.radio)
            stack.callback(radio.close)
            graph = Transmit(transmitter, radio)
        start = time.monotonic()
        ending = run_graph(
            graph, wanted.run.seconds, lambda: report.sent_line(summaries.sent(graph.stats()))
        )
        seconds = time.monotonic() - start
        sent = summaries.sent(graph.stats())
        summary = sent | {"frames_per_second": sent["sent"] / seconds}
        if on_air is not None:
            summary |= on_air.part()
    return summary, ending
