# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast loopback`: pictures through the whole link in one process."""

import argparse
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

from percast.blocks.channel import ChannelConfig
from percast.blocks.images import open_sink, open_source, parse_size
from percast.blocks.scoring import METRICS, Scorer
from percast.blocks.waveform.hashing import splitmix64
from percast.blocks.waveform.profile import Profile, open_profile
from percast.engines.codec import parse_cbr
from percast.engines.learned import LearnedCodec
from percast.engines.manifest import load_model
from percast.errors import DeviceError, LinkError, UsageError
from percast.tools import report
from percast.tools.options import (
    add_code_options,
    add_image_options,
    add_output_options,
    add_waveform_options,
)

log = logging.getLogger(__name__)
INTERRUPTED = 130


def add_options(parser: argparse.ArgumentParser) -> None:
    add_image_options(parser)
    add_code_options(parser)
    add_waveform_options(parser)
    ChannelConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


@dataclass(frozen=True)
class Outcome:
    """What a run gave: the JSON object, and whether Ctrl-C ended it."""

    summary: dict
    interrupted: bool


def main(args: argparse.Namespace) -> int:
    with report.progress(args.frames) as on_image:
        outcome = run(args, on_image)
    summary = outcome.summary
    if args.json:
        print(json.dumps(summary))
    else:
        report.print_summary(summary)
    if outcome.interrupted:
        return INTERRUPTED
    if summary["sent"] and not summary["received"]:
        raise LinkError("nothing was received: raise --snr, or lower --doppler and --clock-ppm")
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
    channel.validate()
    metrics = parse_metrics(args.metrics)
    check_ranges(args)
    size = parse_size(args.size) if args.size else None
    cbr = parse_cbr(args.cbr)
    with contextlib.ExitStack() as stack:
        model = load_model(args.model)
        codec = LearnedCodec(
            model,
            cbr,
            design_snr_db=args.design_snr,
            realism=1.0 if args.realism is None else args.realism,
            engine=args.engine,
            precision=args.precision,
            threads=args.threads,
        )
        stack.callback(codec.close)
        if size:
            codec.warm_up(size[1], size[0])
        pictures = stack.enter_context(
            open_source(args.source, size=size, frames=args.frames, insecure=args.insecure)
        )
        out = open_sink(args.out, insecure=args.insecure)
        stack.callback(out.close)
        return _run_graph(args, profile, channel, codec, pictures, out, Scorer(metrics), on_image)


def _run_graph(args, profile, channel, codec, pictures, out, scorer, on_image) -> Outcome:
    try:
        from percast.flowgraphs.loopback import Loopback
        from percast.flowgraphs.run import run as run_graph
        from percast.flowgraphs.transmitter import TransmitterConfig
    except ImportError as error:
        raise DeviceError(f"GNU Radio cannot be loaded ({error}): run `percast doctor`") from error
    from percast.blocks.link_stats import LinkStats

    stats = LinkStats()

    def count(record: dict) -> None:
        stats.add(record)
        on_image(record)

    config = TransmitterConfig(
        fps=args.fps,
        tx_level=args.tx_level,
        papr_db=args.papr or None,
        callsign=args.callsign,
        session=int(splitmix64(args.seed, 1)[0]) >> 32,
    )
    graph = Loopback(
        pictures, codec, profile, channel, out, scorer, count, args.realism, config
    )
    _warn_of_long_channel(graph.channel.channel.max_delay, profile)
    interrupted = run_graph(graph)
    return Outcome(summarise(graph, stats, codec, profile, channel), interrupted)


def summarise(graph, stats, codec, profile: Profile, channel: ChannelConfig) -> dict:
    """The JSON object of a finished loopback."""
    tx, rx = graph.transmitter, graph.receiver
    channel_uses = tx.modulator.burst_samples * profile.occupied_fraction
    latents = tx.encoder.latent_symbols
    return {
        "sent": tx.source.sent,
        "received": rx.demodulator.images,
        "lost": tx.source.sent - rx.demodulator.images,
        "decoded": stats.received,
        "skipped": tx.source.pictures.skipped,
        "frames_per_second": stats.frames_per_second(),
        "latency_ms": stats.latency_ms(),
        "samp_rate": profile.samp_rate,
        "occupied_bandwidth_hz": profile.occupied_bandwidth,
        "profile": profile.name,
        "channel": channel.model,
        "cbr": _ratio(latents, tx.encoder.source_samples),
        "overhead": _ratio(channel_uses - latents, latents),
        "snr_db_set": channel.snr_db,
        "snr_db_measured": stats.mean_db("snr_db"),
        "evm_db": stats.mean_db("evm_db"),
        "freq_offset_hz_measured": stats.mean("freq_offset_hz"),
        "clock_ppm_measured": stats.mean("clock_ppm"),
        "psnr_db": stats.mean("psnr_db"),
        "ms_ssim": stats.mean("ms_ssim"),
        "lpips": stats.mean("lpips"),
        "model": codec.model.name,
        "engine": codec.generator.name,
        "precision": codec.generator.precision,
        "dropped": tx.source.dropped + rx.dropped,
        "overruns": 0,
        "underruns": 0,
        "packets": rx.demodulator.receiver.stats.packets,
        "headers_lost": rx.demodulator.receiver.stats.headers_lost,
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def parse_metrics(text: str) -> tuple[str, ...]:
    """"psnr,lpips" or "none" to names.

    Raises:
        UsageError: unknown name.
    """
    if text == "none":
        return ()
    names = tuple(part.strip() for part in text.split(","))
    if unknown := [n for n in names if n not in METRICS]:
        raise UsageError(f"--metrics {unknown[0]}: unknown; there are {', '.join(METRICS)}, none")
    return names


def check_ranges(args: argparse.Namespace) -> None:
    """Numbers that argparse cannot check.

    Raises:
        UsageError: naming the flag.
    """
    if args.frames is not None and args.frames < 0:
        raise UsageError(f"--frames {args.frames}: must be 0 (for ever) or more")
    if args.fps is not None and not 0 < args.fps <= 1000:
        raise UsageError(f"--fps {args.fps:g}: must lie above 0, up to 1000")
    if args.realism is not None and not 0 <= args.realism <= 1:
        raise UsageError(f"--realism {args.realism:g}: must lie between 0 and 1")
    if not -30 <= args.design_snr <= 30:
        raise UsageError(f"--design-snr {args.design_snr:g}: must lie between -30 and 30 dB")
    if not -60 <= args.tx_level <= 0:
        raise UsageError(f"--tx-level {args.tx_level:g}: must lie between -60 and 0 dBFS")
    if args.papr and not 3 <= args.papr <= 20:
        raise UsageError(f"--papr {args.papr:g}: must be 0 (none) or lie between 3 and 20 dB")
    if not (args.callsign.isascii() and len(args.callsign) <= 10):
        raise UsageError(f"--callsign {args.callsign}: at most 10 ASCII characters")
    if not 1 <= args.threads <= 256:
        raise UsageError(f"--threads {args.threads}: must lie between 1 and 256")


def _warn_of_long_channel(delay: float, profile: Profile) -> None:
    prefix = profile.cp_len / profile.samp_rate
    if delay > prefix:
        log.warning(
            "the channel lasts %.2f us, the cyclic prefix of %s only %.2f us: "
            "expect interference between symbols, or choose another --profile",
            delay * 1e6,
            profile.name,
            prefix * 1e6,
        )
