# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast loopback`: pictures through the whole link in one process."""

import argparse
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from percast.blocks.channel import ChannelConfig
from percast.blocks.images.config import SinkConfig, SourceConfig
from percast.blocks.stats.scoring import Scorer
from percast.blocks.stats.tree import LoopbackStats
from percast.blocks.waveform.coding.hashing import splitmix64
from percast.blocks.waveform.profile import Profile, WaveformConfig
from percast.blocks.waveform.track import MAX_CLOCK_PPM
from percast.engines.codecs.config import CodecConfig
from percast.errors import INTERRUPTED, LinkError
from percast.flowgraphs.config import TransmitterConfig
from percast.tools import process, report, summaries
from percast.tools.options import add_output_options
from percast.tools.settings import gnu_radio, open_codec
from percast.tools.view.config import ViewConfig

log = logging.getLogger(__name__)

_SENDERS = ("frames", "size", "reference", "zmq_keys", "insecure")
"""Settings of a sink that the source has here."""


def add_options(parser: argparse.ArgumentParser) -> None:
    SourceConfig.add_options(parser)
    SinkConfig.add_options(parser, without=_SENDERS)
    CodecConfig.add_options(parser)
    WaveformConfig.add_options(parser)
    TransmitterConfig.add_options(parser)
    ChannelConfig.add_options(parser)
    ViewConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


@dataclass(frozen=True)
class LoopbackConfig:
    """What `percast loopback` is asked for."""

    source: SourceConfig
    sink: SinkConfig = SinkConfig()
    waveform: WaveformConfig = WaveformConfig()
    transmitter: TransmitterConfig = TransmitterConfig()
    channel: ChannelConfig = ChannelConfig()
    code: CodecConfig = CodecConfig()
    view: ViewConfig = ViewConfig()

    @classmethod
    def from_args(cls, args: argparse.Namespace) -> Self:
        """Raises `UsageError`, naming a flag."""
        return cls(
            SourceConfig.from_args(args),
            SinkConfig.from_args(args),
            WaveformConfig.from_args(args),
            TransmitterConfig.from_args(args),
            ChannelConfig.from_args(args),
            CodecConfig.from_args(args),
            ViewConfig.from_args(args),
        )


@dataclass(frozen=True)
class Outcome:
    """What a run gave: the tree of figures, the JSON object, and how it ended
    (`flowgraphs.run.Ending`)."""

    stats: LoopbackStats
    summary: dict
    ending: object


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


def run(wanted: LoopbackConfig, on_image: Callable[[dict], None]) -> Outcome:
    """Run a loopback.

    Args:
        wanted: what to do.
        on_image: called with the record of each received picture.

    Raises:
        PercastError: anything that the user can mend.
    """
    profile, channel = wanted.waveform.open(), wanted.channel
    with process.signals_held(), gnu_radio():
        from percast.flowgraphs.loopback import Loopback
        from percast.flowgraphs.run import run as run_graph
        from percast.tools.view.remote.publisher import published
        from percast.tools.view.server import watch
        from percast.tools.view.windows import check as check_windows
        from percast.tools.view.windows import windows

    check_windows(wanted.view.qt)
    transmitter = replace(wanted.transmitter, session=int(splitmix64(channel.seed, 1)[0]) >> 32)
    scorer = Scorer(wanted.sink.metrics)
    with contextlib.ExitStack() as stack:
        pictures = stack.enter_context(wanted.source.open())
        out = stack.enter_context(wanted.sink.open())
        codec = open_codec(wanted.code, wanted.source.size)
        stack.callback(codec.close)
        graph = Loopback(
            pictures,
            codec,
            profile,
            channel,
            out,
            scorer,
            on_image,
            wanted.code.realism,
            transmitter,
        )
        _warn_of_limits(graph.channel.channel.max_delay, channel, profile)
        link = {
            "stats": graph.stats,
            "source": f"loopback through channel {channel.model}",
            "set_snr": graph.channel.channel.set_snr,
            "snr_db": channel.snr_db,
        }
        stack.enter_context(watch(wanted.view, graph.receiver, scorer, link))
        stack.enter_context(published(out, graph.receiver, scorer, graph.stats, link["source"]))
        idle = stack.enter_context(windows(wanted.view.qt, graph.receiver, scorer, link["source"]))
        ending = run_graph(graph, idle=idle)
        stats = graph.stats()
    summary = {
        **summaries.both(stats),
        "channel": channel.model,
        "snr_db_set": graph.channel.channel.config.snr_db,
    }
    return Outcome(stats, summary, ending)


def _warn_of_limits(delay: float, channel: ChannelConfig, profile: Profile) -> None:
    """One line for everything about the channel that the receiver cannot follow."""
    prefix = profile.cp_len / profile.samp_rate
    if delay > prefix:
        log.warning(
            "the channel lasts %.2f us, the cyclic prefix of %s only %.2f us: "
            "expect interference between symbols, or choose another --profile",
            delay * 1e6,
            profile.name,
            prefix * 1e6,
        )
    if abs(channel.freq_offset) > profile.max_freq_offset:
        log.warning(
            "--freq-offset %g: %s acquires offsets up to %g Hz at this sample rate",
            channel.freq_offset,
            profile.name,
            profile.max_freq_offset,
        )
    if abs(channel.clock_ppm) > MAX_CLOCK_PPM:
        log.warning(
            "--clock-ppm %g: the receiver follows clocks up to %g ppm off",
            channel.clock_ppm,
            MAX_CLOCK_PPM,
        )
