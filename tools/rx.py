# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast rx`: pictures from a radio or a recording."""

import argparse
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from percast.blocks.images import open_sink, open_source, parse_size
from percast.blocks.link_stats import LinkStats
from percast.blocks.scoring import Scorer
from percast.blocks.waveform.profile import open_profile
from percast.errors import INTERRUPTED, LinkError, ModelError
from percast.tools import report
from percast.tools.options import (
    add_code_options,
    add_output_options,
    add_radio_options,
    add_receiver_options,
    add_waveform_options,
)
from percast.tools.settings import (
    check_ranges,
    gnu_radio,
    open_codec,
    parse_metrics,
)
from percast.tools.summaries import engine_part, receiver_part, waveform_part


def add_options(parser: argparse.ArgumentParser) -> None:
    add_receiver_options(parser)
    add_code_options(parser, encoder=False)
    add_waveform_options(parser, sender=False)
    add_radio_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    with report.progress(args.frames) as on_image:
        summary, ending = receive(args, on_image)
    if args.json:
        report.print_json(summary)
    else:
        report.print_summary(summary)
    ending.check()
    if ending.interrupted:
        return INTERRUPTED
    if summary["foreign"] and not summary["decoded"]:
        raise ModelError(f"no picture could be decoded: {next(iter(summary['foreign']))}")
    if not summary["received"]:
        raise LinkError("nothing was received: check --profile and --samp-rate, then the level")
    return 0


def receive(args: argparse.Namespace, on_image: Callable[[dict], None]) -> tuple[dict, object]:
    """Receive what the options describe; the JSON object, and how it ended
    (`flowgraphs.run.Ending`).

    Raises:
        PercastError: anything that the user can mend.
    """
    profile = open_profile(args.profile, args.samp_rate)
    check_ranges(args)
    with gnu_radio():
        from percast.flowgraphs.one_end import Receive
        from percast.flowgraphs.radio import RadioConfig
        from percast.flowgraphs.radio import open_source as open_radio
        from percast.flowgraphs.receiver import Receiver
        from percast.flowgraphs.run import run as run_graph
    stats = LinkStats()
    with contextlib.ExitStack() as stack:
        radio = open_radio(RadioConfig(args.device, args.args, profile.samp_rate, args.freq))
        stack.callback(radio.close)
        if args.samp_rate is None and radio.took.get("samp_rate"):
            profile = replace(profile, samp_rate=radio.took["samp_rate"])
        codec = open_codec(args, ("decode",))
        stack.callback(codec.close)
        out = open_sink(args.out, insecure=args.insecure)
        stack.callback(out.close)
        scorer = Scorer(parse_metrics(args.metrics) if args.reference else ())
        if args.reference:
            scorer.compare_with(_originals(args))

        def count(record: dict) -> None:
            stats.add(record)
            on_image(record)
            # Received, not decoded: a live receiver may have dropped some.
            if args.frames and receiver.demodulator.images >= args.frames:
                graph.finish()

        receiver = Receiver(
            codec, profile, out, scorer, count, args.realism, live=radio.live
        )
        graph = Receive(radio, receiver)
        start = time.monotonic()
        ending = run_graph(graph)
        seconds = time.monotonic() - start
    samples = receiver.demodulator.receiver.stats.samples
    summary = {
        "sent": None,
        "lost": None,
        "overhead": None,
        "overruns": 0,
        "underruns": 0,
        "channel": args.device,
        "snr_db_set": None,
        **receiver_part(receiver, stats),
        "samples": samples,
        "samples_per_second": samples / seconds,
        "real_time_ratio": samples / seconds / profile.samp_rate,
        **waveform_part(profile),
        **engine_part(codec.model.name, codec.generator),
    }
    if not radio.live:
        # Its pictures were read when it was made: their age says nothing of this run.
        rate = stats.received / seconds
        summary |= {"latency_ms": {"p50": None, "p99": None}, "frames_per_second": rate}
    return summary, ending


def _originals(args: argparse.Namespace) -> list[tuple[str, object]]:
    size = parse_size(args.size) if args.size else None
    with open_source(str(Path(args.reference)), size=size) as pictures:
        return [(picture.name, picture.rgb) for picture in pictures]
