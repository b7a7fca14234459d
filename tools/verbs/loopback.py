# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast loopback`: pictures through the whole link in one process."""

import argparse

from percast.blocks.channel import ChannelConfig
from percast.blocks.images.config import SinkConfig, SourceConfig
from percast.blocks.recordings.config import RecordingConfig
from percast.blocks.waveform.profile import WaveformConfig
from percast.engines.codecs.config import CodecConfig
from percast.errors import INTERRUPTED, LinkError
from percast.flowgraphs.config import RunConfig, TransmitterConfig
from percast.tools import report, summaries
from percast.tools.loopback_run import LoopbackConfig, run
from percast.tools.options import add_output_options
from percast.tools.view.config import ViewConfig

_SENDERS = ("frames", "size", "reference", "zmq_keys", "insecure")
"""Settings of a sink that the source has here."""
_RECEIVERS = ("record", "record_format")
"""Settings of a recording from the start; `tx --device file` makes those."""


def add_options(parser: argparse.ArgumentParser) -> None:
    SourceConfig.add_options(parser)
    SinkConfig.add_options(parser, without=_SENDERS)
    CodecConfig.add_options(parser)
    WaveformConfig.add_options(parser)
    TransmitterConfig.add_options(parser)
    ChannelConfig.add_options(parser)
    RunConfig.add_options(parser)
    RecordingConfig.add_options(parser, without=_RECEIVERS)
    ViewConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    return finish(LoopbackConfig.from_args(args), args.json)


def finish(wanted: LoopbackConfig, as_json: bool) -> int:
    """Run it and tell what it gave; see `run`. Gives the exit code."""
    with report.progress(wanted.source.frames) as on_image:
        outcome = run(wanted, on_image)
    summary = outcome.summary
    if as_json:
        report.print_json(summary)
    else:
        report.print_summary(summary)
    outcome.ending.check()
    if outcome.ending.interrupted:
        return INTERRUPTED
    summaries.check_codec(summary)
    if summary["sent"] and not summary["received"]:
        raise LinkError(
            "nothing was received: raise --snr, or lower --doppler, --freq-offset and --clock-ppm"
        )
    return 0
