# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast replay PATH`: decode a recording again, with any engine or realism."""

import argparse

from percast.blocks.images.config import SinkConfig
from percast.blocks.waveform.profile import WaveformConfig
from percast.engines.codecs.config import ReceiverCodecConfig
from percast.tools.options import add_output_options
from percast.tools.verbs import rx
from percast.tools.view.config import ViewConfig


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "args", metavar="PATH", help="recording: .sigmf-meta, .sigmf, .cf32 or .cs8"
    )
    SinkConfig.add_options(parser)
    ReceiverCodecConfig.add_options(parser, without=rx.SENDERS_ONLY)
    WaveformConfig.add_options(parser, without=("header",))
    ViewConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=rx.main, device="file", freq=None)
