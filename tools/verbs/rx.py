# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast rx`: pictures from a radio or a recording."""

import argparse
import contextlib
import time
from dataclasses import replace
from pathlib import Path

from percast.blocks.images import open_sink, open_source, parse_size
from percast.blocks.recordings.reader import META
from percast.blocks.recordings.recorder import Recorder
from percast.blocks.recordings.writer import DATATYPES, RecordingWriter
from percast.blocks.stats.link_stats import LinkStats
from percast.blocks.stats.scoring import Scorer
from percast.blocks.waveform.profile import Profile, open_profile
from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.decoders import Decoders
from percast.errors import INTERRUPTED, LinkError, UsageError
from percast.tools import on_air as radios
from percast.tools import process, report
from percast.tools.options import (
    add_metrics_option,
    add_output_options,
    add_radio_options,
    add_receiver_options,
    add_record_options,
    add_waveform_options,
)
from percast.tools.settings import check_ranges, gnu_radio, open_codec, parse_metrics
from percast.tools.summaries import check_codec, codec_part, receiver_part, waveform_part

SENDERS_ONLY = ("cbr", "design_snr_db", "mcs")
"""Of the codec's settings, what headers tell a receiver."""


def add_options(parser: argparse.ArgumentParser) -> None:
    add_receiver_options(parser)
    CodecConfig.add_options(parser, without=SENDERS_ONLY)
    add_metrics_option(parser)
    add_waveform_options(parser, sender=False)
    add_radio_options(parser, transmit=False)
    add_record_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    if vars(args).get("dry_run"):
        profile = open_profile(args.profile, args.samp_rate)
        CodecConfig.from_args(args)
        check_ranges(args)
        asked = radios.radio_config(args, profile, transmit=False)
        radios.tell_plan(args, asked, profile, transmit=False)
        return 0
    summary, ending = receive(args)
    if args.json:
        report.print_json(summary)
    else:
        report.print_summary(summary)
    ending.check()
    if ending.interrupted:
        return INTERRUPTED
    check_codec(summary)
    if not summary["received"] and summary["bad_samples"] > 0.01 * summary["samples"]:
        raise LinkError("nothing was received: many samples are no numbers; has it another type?")
    if not summary["received"]:
        hint = f"check --profile and --samp-rate, then {_level(summary)}"
        raise LinkError(f"nothing was received: {hint}")
    return 0


def _level(summary: dict) -> str:
    if "level" not in summary:
        return "the level"
    loudest = summary["level"]["loudest_dbfs"]
    heard = "nothing was heard" if loudest is None else f"loudest {loudest:.0f} dBFS"
    return f"--freq, and --gain at both ends ({heard}; packets should reach -30 to -10)"


def receive(args: argparse.Namespace) -> tuple[dict, object]:
    """Receive what the options describe; the JSON object, and how it ended
    (`flowgraphs.run.Ending`).

    Raises:
        PercastError: anything that the user can mend.
    """
    profile = open_profile(args.profile, args.samp_rate)
    code = CodecConfig.from_args(args)
    check_ranges(args)
    _check_record(args)
    asked = radios.radio_config(args, profile, transmit=False)
    with process.signals_held(), gnu_radio():
        from percast.flowgraphs.one_end import Receive, ReceiveOnAir
        from percast.flowgraphs.radios.factory import open_source as open_radio
        from percast.flowgraphs.receiver import Receiver
        from percast.flowgraphs.run import run as run_graph
    stats = LinkStats()
    station = radio = None
    with contextlib.ExitStack() as stack:
        if asked.hardware:
            on_air = stack.enter_context(radios.on_air(args, asked, transmit=False))
            station = on_air.station
            profile = replace(profile, samp_rate=station.took["samp_rate"])
        else:
            radio = open_radio(asked)
            stack.callback(radio.close)
            if args.samp_rate is None and radio.took.get("samp_rate"):
                profile = replace(profile, samp_rate=radio.took["samp_rate"])
            elif args.samp_rate is None and args.args.endswith(META):
                raise UsageError(f"{args.args}: does not say its sample rate; give --samp-rate")
        live = radio is None or radio.live
        codecs = Decoders(open_codec(code, args.size, ("decode",)), code)
        stack.callback(codecs.close)
        out = open_sink(args.out, args.insecure, args.zmq_keys)
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

        def status() -> str:
            heard = report.link_line(receiver_part(receiver, stats))
            return f"{heard}, {station.status()}" if station else heard

        recorder = _recorder(args, profile, (station or radio).took)
        if recorder is not None:
            stack.callback(recorder.close)
            if station:
                station.on_capture = recorder.writer.capture
        receiver = Receiver(
            codecs, profile, out, scorer, count, code.realism, live=live, recorder=recorder
        )
        graph = ReceiveOnAir(station, receiver) if station else Receive(radio, receiver)
        start = time.monotonic()
        # Not before the radio is open: what its driver prints must not run into the bar.
        with report.progress(args.frames) as on_image:
            ending = run_graph(graph, vars(args).get("seconds"), status)
        seconds = time.monotonic() - start
        if recorder is not None and (failure := recorder.close()):
            ending = replace(ending, error=ending.error or failure)
        about_radio = on_air.part() if station else {}
        if asked.device == "zmq":
            about_radio = {"malformed": radio.block.malformed}
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
        **codec_part(codecs.first),
        **about_radio,
    }
    if not live:
        # Its pictures were read when it was made: their age says nothing of this run.
        rate = stats.received / seconds
        summary |= {"latency_ms": {"p50": None, "p99": None}, "frames_per_second": rate}
    return summary, ending


def _check_record(args: argparse.Namespace) -> None:
    """Raises `UsageError` where `--record` would destroy its input, or its format has no effect."""
    path, datatype = vars(args).get("record"), vars(args).get("record_format")
    if path and args.device == "file" and Path(path).resolve() == Path(args.args).resolve():
        raise UsageError(f"--record {path}: that is the recording to be read; choose another name")
    if datatype and not (path and path.endswith(META)):
        raise UsageError(f"--record-format {datatype}: is for --record FILE{META}")


def _recorder(args: argparse.Namespace, profile: Profile, took: dict) -> Recorder | None:
    """What `--record` asks for; `replay` does not have it."""
    path = vars(args).get("record")
    if path is None:
        return None
    hardware = took.get("driver") and f"{args.device}, {took['driver']}"
    freq = took.get("freq") or args.freq
    datatype = args.record_format or DATATYPES[0]
    writer = RecordingWriter(path, profile.samp_rate, freq, datatype, hardware)
    return Recorder(writer, profile)


def _originals(args: argparse.Namespace) -> list[tuple[str, object]]:
    size = parse_size(args.size) if args.size else None
    with open_source(str(Path(args.reference)), size=size) as pictures:
        return [(picture.name, picture.rgb) for picture in pictures]
