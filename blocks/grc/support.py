# SPDX-License-Identifier: GPL-3.0-or-later
"""What the blocks of GNU Radio Companion (`grc/*.block.yml`) are made from: the texts and numbers
of their parameters become the objects that the blocks take.

Whatever is opened here stays open until the interpreter ends, for a generated flowgraph closes
nothing.
"""

import atexit
import functools
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from percast.blocks.channel import ChannelConfig
from percast.blocks.channel.channel import noise_power as _noise_power
from percast.blocks.images import PictureSink, PictureSource
from percast.blocks.images.config import SinkConfig, SourceConfig
from percast.blocks.recordings.reader import open_recording
from percast.blocks.stats.scoring import Scorer
from percast.blocks.waveform.formats.kinds import AUTO
from percast.blocks.waveform.profile import Profile, WaveformConfig
from percast.engines.codecs.config import DEFAULT_THREADS, CodecConfig, parse_cbr
from percast.engines.codecs.contract import Codec
from percast.engines.codecs.decoders import Decoders
from percast.engines.codecs.registry import open_codec
from percast.errors import PercastError

__all__ = [
    "ChannelConfig",
    "Scorer",
    "amplitude",
    "attend",
    "hold_while_full",
    "noise_power",
    "open_encoder",
    "open_generator",
    "open_out",
    "open_pictures",
    "open_profile",
    "open_recording",
    "parse_cbr",
]

_POLL = 0.1  # seconds


class _Closable(Protocol):
    def close(self) -> None: ...


Opened = TypeVar("Opened", bound=_Closable)


def _closed_at_exit(opened: Opened) -> Opened:
    atexit.register(opened.close)
    return opened


def open_pictures(
    source: str, size: str, frames: int | None, insecure: bool, zmq_keys: str
) -> PictureSource:
    """See `SourceConfig`; an empty size keeps each picture's own."""
    config = SourceConfig(source, frames, size, zmq_keys or None, insecure)
    return _closed_at_exit(config.open())


def open_out(out: str, insecure: bool, zmq_keys: str) -> PictureSink:
    """See `SinkConfig`; an empty text keeps nothing."""
    config = SinkConfig(out or None, zmq_keys=zmq_keys or None, insecure=insecure)
    return _closed_at_exit(config.open())


def open_encoder(
    codec: str,
    model: str,
    cbr: str,
    design_snr: float,
    realism: float,
    engine: str,
    precision: str,
    threads: int,
) -> Codec:
    """A codec that encodes; 0 threads are as many as `percast loopback` takes."""
    config = CodecConfig(
        codec=codec,
        model=model,
        cbr=parse_cbr(cbr),
        design_snr_db=design_snr,
        realism=realism,
        engine=engine,
        precision=precision,
        threads=threads or DEFAULT_THREADS,
    )
    return _closed_at_exit(open_codec(config.codec, config, ("encode",)))


def open_generator(codec: str, model: str, engine: str, precision: str, threads: int) -> Decoders:
    """Codecs that decode; 0 threads are as many as `percast loopback` takes."""
    config = CodecConfig(
        codec=codec,
        model=model,
        engine=engine,
        precision=precision,
        threads=threads or DEFAULT_THREADS,
    )
    return _closed_at_exit(Decoders(open_codec(config.codec, config, ("decode",)), config))


def open_profile(
    profile: str, samp_rate: float | None = None, prefix: int | None = None, header: str = AUTO
) -> Profile:
    """See `WaveformConfig`; None for what the preset says."""
    return WaveformConfig(profile, samp_rate, header, prefix).open()


def amplitude(level: float) -> np.float32:
    """RMS amplitude of a level in dB relative to full scale."""
    return np.float32(10 ** (level / 20))


def noise_power(snr: float | None, tx_level: float, profile: str) -> float:
    """Noise power of a `Channel` for another SNR in dB (None = no noise)."""
    return _noise_power(snr, 10 ** (tx_level / 10), open_profile(profile).occupied_fraction)


def hold_while_full(graph, names: str) -> Callable[[float], bool]:
    """`hold` of an `OfdmDemodulator`: whether one of the graph's blocks of these names is full.

    Args:
        graph: that has, or will have, the blocks as attributes.
        names: "generator, sink"; empty for none.
    """
    blocks = [name.strip() for name in names.split(",") if name.strip()]
    return lambda seconds: any(getattr(graph, name).full(seconds) for name in blocks)


def attend(graph, block, stop_at_end: bool = False) -> None:
    """Make heard what goes wrong in a block, which in a generated flowgraph nobody asks for.

    Args:
        graph: the flowgraph in the making.
        block: one of ours, or a hierarchical one of them.
        stop_at_end: stop the graph, a top block, when this block is `done`, or when one that was
            attended to has failed.
    """
    attended = vars(graph).setdefault("percast_blocks", [])
    for part in getattr(block, "percast_blocks", (block,)):
        part.tell = functools.partial(_tell, part.name())
        attended.append(part)
    if stop_at_end:
        wait = functools.partial(_stop_at_end, graph, block.done, attended)
        threading.Thread(target=wait, name="percast end", daemon=True).start()


def _tell(name: str, error: Exception) -> None:
    if isinstance(error, PercastError):
        print(f"{name}: {error}", file=sys.stderr, flush=True)
    else:
        traceback.print_exception(error)


def _stop_at_end(graph, done: threading.Event, blocks: list) -> None:
    while not done.wait(_POLL) and all(block.error is None for block in blocks):
        pass
    graph.stop()
