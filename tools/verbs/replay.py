# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast replay PATH`: decode a recording again, with any engine or realism."""

import argparse

from percast.engines.codecs.config import CodecConfig
from percast.tools.options import (
    add_metrics_option,
    add_output_options,
    add_receiver_options,
    add_waveform_options,
)
from percast.tools.verbs import rx


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "args", metavar="PATH", help="recording: .sigmf-meta, .sigmf, .cf32 or .cs8"
    )
    add_receiver_options(parser)
    CodecConfig.add_options(parser, without=rx.SENDERS_ONLY)
    add_metrics_option(parser)
    add_waveform_options(parser, sender=False)
    add_output_options(parser)
    parser.set_defaults(main=rx.main, device="file", freq=None)
