# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast tx`: pictures to a radio or a recording."""

import argparse
import contextlib
import time

from percast.blocks.images import open_source, parse_size
from percast.blocks.waveform.profile import open_profile
from percast.errors import INTERRUPTED
from percast.tools import report
from percast.tools.options import (
    add_code_options,
    add_image_options,
    add_output_options,
    add_radio_options,
    add_waveform_options,
)
from percast.tools.settings import check_ranges, gnu_radio, open_codec, transmitter_config
from percast.tools.summaries import engine_part, sender_part, waveform_part


def add_options(parser: argparse.ArgumentParser) -> None:
    add_image_options(parser, out=False)
    add_code_options(parser, decoder=False)
    add_waveform_options(parser)
    add_radio_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    profile = open_profile(args.profile, args.samp_rate)
    check_ranges(args)
    size = parse_size(args.size) if args.size else None
    with gnu_radio():
        from percast.flowgraphs.one_end import Transmit
        from percast.flowgraphs.radio import RadioConfig, open_sink
        from percast.flowgraphs.run import run as run_graph
        from percast.flowgraphs.transmitter import Transmitter
    config = transmitter_config(args)
    with contextlib.ExitStack() as stack:
        pictures = stack.enter_context(
            open_source(args.source, size=size, frames=args.frames, insecure=args.insecure)
        )
        codec = open_codec(args, ("encode",))
        stack.callback(codec.close)
        radio = open_sink(RadioConfig(args.device, args.args, profile.samp_rate, args.freq))
        stack.callback(radio.close)
        transmitter = Transmitter(pictures, codec, profile, config=config)
        start = time.monotonic()
        ending = run_graph(Transmit(transmitter, radio))
        seconds = time.monotonic() - start
    sent = sender_part(transmitter, profile)
    summary = {
        **sent,
        "frames_per_second": sent["sent"] / seconds,
        "session": transmitter.encoder.session,
        **waveform_part(profile),
        **engine_part(codec.model.name, codec.encoder),
    }
    if args.json:
        report.print_json(summary)
    else:
        report.print_sent(summary)
    ending.check()
    return INTERRUPTED if ending.interrupted else 0
