# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast rx`: pictures from a radio or a recording."""

import argparse
import contextlib
import time
from dataclasses import dataclass, replace
from typing import Self

from percast.blocks.images.config import SinkConfig
from percast.blocks.recordings.config import RecordingConfig
from percast.blocks.recordings.on_demand import Heard
from percast.blocks.recordings.reader import ARCHIVE, META
from percast.blocks.recordings.recorder import Recorder
from percast.blocks.recordings.writer import check_not_read
from percast.blocks.stats.tree import ReceiverStats
from percast.blocks.waveform import kernels
from percast.blocks.waveform.profile import Profile, WaveformConfig
from percast.engines.codecs.config import CodecConfig, ReceiverCodecConfig
from percast.engines.codecs.decoders import Decoders
from percast.errors import INTERRUPTED, LinkError, UsageError
from percast.flowgraphs.config import RunConfig
from percast.flowgraphs.radios.config import Radio, RadioConfig
from percast.flowgraphs.radios.plan import plan
from percast.tools import on_air as radios
from percast.tools import process, report, summaries
from percast.tools.control import listening
from percast.tools.controls.desk import Desk
from percast.tools.controls.link import Link
from percast.tools.options import add_output_options
from percast.tools.settings import files_read, gnu_radio, open_codec
from percast.tools.view.config import ViewConfig

SENDERS_ONLY = ("cbr", "design_snr_db", "mcs")
"""Of the codec's settings, what headers tell a receiver."""


def add_options(parser: argparse.ArgumentParser) -> None:
    SinkConfig.add_options(parser)
    ReceiverCodecConfig.add_options(parser, without=SENDERS_ONLY)
    WaveformConfig.add_options(parser, without=("header",))
    radios.add_options(parser, transmit=False)
    RecordingConfig.add_options(parser)
    ViewConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


@dataclass(frozen=True)
class RxConfig:
    """What `percast rx` or `percast replay` is asked for."""

    sink: SinkConfig
    code: CodecConfig
    waveform: WaveformConfig
    radio: RadioConfig
    recording: RecordingConfig
    run: RunConfig
    view: ViewConfig = ViewConfig()

    @classmethod
    def from_args(cls, args: argparse.Namespace) -> Self:
        """Raises `UsageError`, naming a flag."""
        waveform, run = WaveformConfig.from_args(args), RunConfig.from_args(args)
        radio = radios.radio_config(args, waveform.open().samp_rate, transmit=False)
        recording = RecordingConfig.from_args(args)
        sink, code = SinkConfig.from_args(args), CodecConfig.from_args(args)
        return cls(sink, code, waveform, radio, recording, run, ViewConfig.from_args(args))


def main(args: argparse.Namespace) -> int:
    wanted = RxConfig.from_args(args)
    if vars(args).get("dry_run"):
        told = plan(wanted.radio, wanted.waveform.open(), transmit=False)
        radios.tell_plan(told, args.json)
        return 0
    summary, ending = receive(wanted)
    if args.json:
        report.print_json(summary)
    else:
        report.print_summary(summary)
    ending.check()
    if ending.interrupted:
        return INTERRUPTED
    _complain(summary)
    return 0


def _complain(summary: dict) -> None:
    """Raises the `PercastError` that says why there are no pictures, if there are none."""
    summaries.check_codec(summary)
    if summary["received"]:
        return
    if summary["bad_samples"] > 0.01 * summary["samples"]:
        raise LinkError("nothing was received: many samples are no numbers; has it another type?")
    hint = f"check --profile and --samp-rate, then {_level(summary)}"
    raise LinkError(f"nothing was received: {hint}")


def _level(summary: dict) -> str:
    if "level" not in summary:
        return "the level"
    loudest = summary["level"]["loudest_dbfs"]
    heard = "nothing was heard" if loudest is None else f"loudest {loudest:.0f} dBFS"
    return f"--freq, and --gain at both ends ({heard}; packets should reach -30 to -10)"


@dataclass(frozen=True)
class _Input:
    """Where samples come from: a radio on the air, a recording or another process.

    Args:
        profile: the waveform, at the sample rate that it has there.
        took: what the device took.
        live: samples come when they come.
        station: keeps the radio running.
        local: what is no radio.
    """

    profile: Profile
    took: dict
    live: bool
    station: "Station | None" = None  # noqa: F821 - loads GNU Radio
    local: Radio | None = None

    def graph(self, receiver):
        """The flowgraph from here to a `Receiver`."""
        from percast.flowgraphs.one_end import Receive, ReceiveOnAir

        if self.station is None:
            return Receive(self.local, receiver)
        return ReceiveOnAir(self.station, receiver)


def _open_input(wanted: RxConfig, stack: contextlib.ExitStack) -> _Input:
    from percast.flowgraphs.radios.factory import open_source

    profile = wanted.waveform.open()
    if wanted.radio.hardware:
        station = stack.enter_context(radios.on_air(wanted.radio, transmit=False))
        took = station.took
        return _Input(replace(profile, samp_rate=took["samp_rate"]), took, True, station=station)
    with RadioConfig.told_as_flags():
        local = open_source(wanted.radio)
    stack.callback(local.close)
    if wanted.radio.device == "file" and wanted.recording.record:
        check_not_read(wanted.recording.record, local.block.recording.files, "--record")
    if wanted.waveform.samp_rate is None and local.took.get("samp_rate"):
        profile = replace(profile, samp_rate=local.took["samp_rate"])
    elif wanted.waveform.samp_rate is None and (
        wanted.radio.args.lower().endswith((META, ARCHIVE))
    ):
        raise UsageError(f"{wanted.radio.args}: does not say its sample rate; give --samp-rate")
    return _Input(profile, local.took, local.live, local=local)


def _open_recorder(
    wanted: RxConfig, source: _Input, stack: contextlib.ExitStack
) -> tuple[Heard, Recorder | None]:
    """What is heard, and what writes it down from the start."""
    took = source.took
    hardware = took.get("driver") and f"{wanted.radio.device}, {took['driver']}"
    heard = Heard(
        source.profile,
        lambda: (source.station.took if source.station else took).get("freq") or wanted.radio.freq,
        hardware or None,
    )
    recorder = wanted.recording.open(source.profile, heard.freq(), heard.hardware)
    if recorder is not None:
        stack.callback(recorder.close)
    return heard, recorder


def receive(wanted: RxConfig) -> tuple[dict, object]:
    """Receive until the stream ends, enough pictures have come, or somebody ends it.

    Returns:
        The JSON object, and how it ended (`flowgraphs.run.Ending`).

    Raises:
        PercastError: anything that the user can mend.
    """
    with process.signals_held(), gnu_radio():
        from percast.flowgraphs.receiver import Receiver
        from percast.flowgraphs.run import run as run_graph
        from percast.tools.view.remote.publisher import published
        from percast.tools.view.server import watch
        from percast.tools.view.windows import check as check_windows
        from percast.tools.view.windows import windows

    check_windows(wanted.view.qt)
    frames = wanted.sink.frames
    if wanted.recording.record:
        others = files_read(wanted.sink.reference, wanted.code)
        check_not_read(wanted.recording.record, others, "--record")
    with contextlib.ExitStack() as stack:
        control = stack.enter_context(listening(wanted.run))
        source = _open_input(wanted, stack)
        codecs = Decoders(open_codec(wanted.code, wanted.sink.size, ("decode",)), wanted.code)
        stack.callback(codecs.close)
        # Whoever sees a recording begin may end it, and has it whole with a summary.
        kernels.warm_up()
        out = stack.enter_context(wanted.sink.open())
        scorer = wanted.sink.scorer()
        heard, recorder = _open_recorder(wanted, source, stack)
        with RecordingConfig.told_as_flags():
            ring = wanted.recording.ring(source.profile)

        def count(record: dict) -> None:
            on_image(record)
            if receiver.enough:
                graph.finish()

        receiver = Receiver(
            codecs, source.profile, out, scorer, count, wanted.code.realism, source.live, recorder,
            frames,
        )  # fmt: skip
        graph = source.graph(receiver)
        recordings = receiver.recordings(heard, wanted.recording.recordings, recorder, ring)
        stack.callback(recordings.close)
        if source.station is not None:
            source.station.on_capture = recordings.capture
        desk = Desk(
            Link(
                graph.stats, _in_words(wanted, source), receiver, station=source.station,
                codec=codecs, recordings=recordings,
            )
        )  # fmt: skip
        if control is not None:
            control.desk = desk
        stack.enter_context(watch(wanted.view, receiver, scorer, desk))
        stack.enter_context(published(out, receiver, scorer, graph.stats, desk.link.words))
        idle = stack.enter_context(windows(wanted.view.qt, receiver, scorer, desk.link.words))
        start = time.monotonic()
        # Not before the radio is open: what its driver prints must not run into the bar.
        with report.progress(frames) as on_image:
            ending = run_graph(
                graph,
                wanted.run.seconds,
                lambda: report.link_line(summaries.received(graph.stats())),
                idle,
            )
        seconds = time.monotonic() - start
        if failure := recordings.close():
            ending = replace(ending, error=ending.error or failure)
        summary = _summary(graph.stats(), wanted.radio.device, seconds, source)
        summary |= {"control_malformed": control.malformed if control else 0}
    return summary, ending


def _in_words(wanted: RxConfig, source: _Input) -> str:
    """Where the samples come from, for whoever looks on."""
    if source.station is None:
        return f"{wanted.radio.device} {wanted.radio.args}".strip()
    return f"{wanted.radio.device} ({source.took['driver']})"


def _summary(stats: ReceiverStats, device: str, seconds: float, source: _Input) -> dict:
    """The JSON object of a receiver that ran for so many seconds."""
    rate = stats.sync.samples / seconds
    summary = {
        "sent": None,
        "lost": None,
        "overhead": None,
        "channel": device,
        "snr_db_set": None,
        **summaries.received(stats),
        "samples_per_second": rate,
        "real_time_ratio": rate / stats.waveform.samp_rate,
    }
    if not source.live:
        # Its pictures were read when it was made: their age says nothing of this run.
        summary |= {
            "latency_ms": {"p50": None, "p99": None},
            "frames_per_second": stats.images.decoded / seconds,
        }
    return summary
