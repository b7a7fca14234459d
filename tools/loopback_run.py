# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the whole link in one process: `percast loopback`, the demo and benchmarks."""

import argparse
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from percast.blocks.channel import ChannelConfig
from percast.blocks.channel.limits import limits
from percast.blocks.images.config import SinkConfig, SourceConfig
from percast.blocks.recordings.config import RecordingConfig
from percast.blocks.recordings.on_demand import Heard
from percast.blocks.stats.scoring import Scorer
from percast.blocks.stats.tree import LoopbackStats
from percast.blocks.waveform.coding.hashing import splitmix64
from percast.blocks.waveform.profile import WaveformConfig
from percast.engines.codecs.config import CodecConfig
from percast.flowgraphs.config import RunConfig, TransmitterConfig
from percast.tools import process, summaries
from percast.tools.control import listening
from percast.tools.controls.desk import Desk
from percast.tools.controls.link import Link
from percast.tools.settings import gnu_radio, open_codec
from percast.tools.view.config import ViewConfig

log = logging.getLogger(__name__)


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
    run: RunConfig = RunConfig()
    recording: RecordingConfig = RecordingConfig()

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
            RunConfig.from_args(args),
            RecordingConfig.from_args(args),
        )


@dataclass(frozen=True)
class Outcome:
    """What a run gave: the tree of figures, the JSON object, and how it ended
    (`flowgraphs.run.Ending`)."""

    stats: LoopbackStats
    summary: dict
    ending: object


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
        control = stack.enter_context(listening(wanted.run))
        pictures = stack.enter_context(wanted.source.open())
        out = stack.enter_context(wanted.sink.open())
        codec = open_codec(wanted.code, wanted.source.size, fps=wanted.transmitter.fps)
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
        for line in limits(channel, profile).values():
            log.warning("%s", line)
        with RecordingConfig.told_as_flags():
            ring = wanted.recording.ring(profile)
        folder = wanted.recording.recordings
        recordings = graph.receiver.recordings(Heard(profile), folder, ring=ring)
        stack.callback(recordings.close)
        desk = Desk(
            Link(
                graph.stats, "loopback", graph.receiver, graph.transmitter, wanted.source,
                graph.channel, codec=codec, recordings=recordings,
            )
        )  # fmt: skip
        if control is not None:
            control.desk = desk
        stack.enter_context(watch(wanted.view, graph.receiver, scorer, desk))
        stack.enter_context(published(out, graph.receiver, scorer, graph.stats, desk.link.words))
        idle = stack.enter_context(windows(wanted.view.qt, graph.receiver, scorer, desk.link.words))
        ending = run_graph(graph, wanted.run.seconds, idle=idle)
        if failure := recordings.close():
            ending = replace(ending, error=ending.error or failure)
        stats = graph.stats()
    channel = graph.channel.channel.config  # at the end
    summary = {
        **summaries.both(stats),
        "channel": channel.model,
        "snr_db_set": channel.snr_db,
        "frames_per_second_set": wanted.transmitter.fps,
    }
    return Outcome(stats, summary, ending)
