# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast tx`: pictures to a radio or a recording."""

import argparse
import contextlib
import time
from dataclasses import replace

from percast.blocks.images import open_source, parse_size
from percast.blocks.waveform.profile import open_profile
from percast.engines.codecs.config import CodecConfig
from percast.errors import INTERRUPTED
from percast.tools import on_air as radios
from percast.tools import process, report
from percast.tools.options import (
    add_image_options,
    add_output_options,
    add_radio_options,
    add_waveform_options,
)
from percast.tools.settings import check_ranges, gnu_radio, open_codec, transmitter_config
from percast.tools.summaries import check_codec, codec_part, sender_part, waveform_part


def add_options(parser: argparse.ArgumentParser) -> None:
    add_image_options(parser, out=False)
    CodecConfig.add_options(parser)
    add_waveform_options(parser)
    add_radio_options(parser, transmit=True)
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    profile = open_profile(args.profile, args.samp_rate)
    code = CodecConfig.from_args(args)
    check_ranges(args)
    asked = radios.radio_config(args, profile, transmit=True)
    size = parse_size(args.size) if args.size else None
    if args.dry_run:
        radios.tell_plan(args, asked, profile, transmit=True)
        return 0
    if args.frames is None and asked.hardware:
        args.frames = 0
    with process.signals_held(), gnu_radio():
        from percast.flowgraphs.one_end import Transmit, TransmitOnAir
        from percast.flowgraphs.radios.factory import open_sink
        from percast.flowgraphs.run import run as run_graph
        from percast.flowgraphs.transmitter import Transmitter
    config = transmitter_config(args)
    station = None
    with contextlib.ExitStack() as stack:
        if asked.hardware:
            # Before the pictures and the model: what fails most often is told first.
            on_air = stack.enter_context(radios.on_air(args, asked, transmit=True))
            station = on_air.station
            profile = replace(profile, samp_rate=station.took["samp_rate"])
        pictures = stack.enter_context(
            open_source(args.source, size, args.frames, args.insecure, args.zmq_keys)
        )
        codec = open_codec(code, args.size, ("encode",))
        stack.callback(codec.close)
        transmitter = Transmitter(pictures, codec, profile, config=config)
        if station is not None:
            graph = TransmitOnAir(transmitter, station)
        else:
            radio = open_sink(asked)
            stack.callback(radio.close)
            graph = Transmit(transmitter, radio)

        def status() -> str:
            sent = f"{transmitter.source.sent} pictures sent"
            return f"{sent}, {station.status()}" if station else sent

        start = time.monotonic()
        ending = run_graph(graph, args.seconds, status)
        seconds = time.monotonic() - start
        sent = sender_part(transmitter, profile)
        summary = {
            **sent,
            "frames_per_second": sent["sent"] / seconds,
            "session": transmitter.encoder.session,
            "overruns": 0,
            "underruns": 0,
            **(on_air.part() if station else {}),
            **waveform_part(profile),
            **codec_part(codec),
        }
    if args.json:
        report.print_json(summary)
    else:
        report.print_sent(summary)
    ending.check()
    if ending.interrupted:
        return INTERRUPTED
    check_codec(summary)
    return 0
