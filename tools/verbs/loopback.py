# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast loopback`: pictures through the whole link in one process."""

import argparse
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from percast.blocks.channel import ChannelConfig
from percast.blocks.images import open_sink, open_source, parse_size
from percast.blocks.stats.link_stats import LinkStats
from percast.blocks.stats.scoring import Scorer
from percast.blocks.waveform.coding.hashing import splitmix64
from percast.blocks.waveform.profile import Profile, open_profile
from percast.blocks.waveform.track import MAX_CLOCK_PPM
from percast.engines.codecs.config import CodecConfig
from percast.errors import INTERRUPTED, LinkError
from percast.tools import process, report
from percast.tools.options import (
    add_image_options,
    add_metrics_option,
    add_output_options,
    add_waveform_options,
)
from percast.tools.settings import (
    check_ranges,
    gnu_radio,
    open_codec,
    parse_metrics,
    transmitter_config,
)
from percast.tools.summaries import (
    add_counts,
    check_codec,
    codec_part,
    receiver_part,
    sender_part,
    waveform_part,
)

log = logging.getLogger(__name__)


def add_options(parser: argparse.ArgumentParser) -> None:
    add_image_options(parser)
    CodecConfig.add_options(parser)
    add_metrics_option(parser)
    add_waveform_options(parser)
    ChannelConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


@dataclass(frozen=True)
class Outcome:
    """What a run gave: the JSON object, and how it ended (`flowgraphs.run.Ending`)."""

    summary: dict
    ending: object


def main(args: argparse.Namespace) -> int:
    with report.progress(args.frames) as on_image:
        outcome = run(args, on_image)
    summary = outcome.summary
    if args.json:
        report.print_json(summary)
    else:
        report.print_summary(summary)
    outcome.ending.check()
    if outcome.ending.interrupted:
        return INTERRUPTED
    check_codec(summary)
    if summary["sent"] and not summary["received"]:
        raise LinkError(
            "nothing was received: raise --snr, or lower --doppler, --freq-offset and --clock-ppm"
        )
    return 0


def run(args: argparse.Namespace, on_image: Callable[[dict], None]) -> Outcome:
    """Run the loopback that the options describe.

    Args:
        args: as `add_options` made them.
        on_image: called with the record of each received picture.

    Raises:
        PercastError: anything that the user can mend.
    """
    profile = open_profile(args.profile, args.samp_rate)
    channel = ChannelConfig.from_args(args)
    code = CodecConfig.from_args(args)
    check_ranges(args)
    scorer = Scorer(parse_metrics(args.metrics))
    size = parse_size(args.size) if args.size else None
    stats = LinkStats()

    def count(record: dict) -> None:
        stats.add(record)
        on_image(record)

    with process.signals_held(), gnu_radio():
        from percast.flowgraphs.loopback import Loopback
        from percast.flowgraphs.run import run as run_graph
    config = transmitter_config(args, session=int(splitmix64(args.seed, 1)[0]) >> 32)
    with contextlib.ExitStack() as stack:
        pictures = stack.enter_context(
            open_source(args.source, size, args.frames, args.insecure, args.zmq_keys)
        )
        out = open_sink(args.out, args.insecure, args.zmq_keys)
        stack.callback(out.close)
        codec = open_codec(code, args.size)
        stack.callback(codec.close)
        graph = Loopback(
            pictures, codec, profile, channel, out, scorer, count, code.realism, config
        )
        _warn_of_limits(graph.channel.channel.max_delay, channel, profile)
        ending = run_graph(graph)
        return Outcome(summarise(graph, stats, codec, profile, channel), ending)


def summarise(graph, stats, codec, profile: Profile, channel: ChannelConfig) -> dict:
    """The JSON object of a finished loopback."""
    received = receiver_part(graph.receiver, stats)
    sent = sender_part(graph.transmitter, profile)
    return {
        **received,
        **sent,
        "lost": sent["sent"] - received["received"],
        "dropped": sent["dropped"] + received["dropped"],
        "codec_faults": add_counts(sent["codec_faults"], received["codec_faults"]),
        "overruns": 0,
        "underruns": 0,
        "channel": channel.model,
        "snr_db_set": channel.snr_db,
        **waveform_part(profile),
        **codec_part(codec),
    }


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
