# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks: `python -m percast.tools.figures.benchmark modem|waveform|loopback|soak`.

Every figure stands beside a reference taken in the same run, because machines differ and shared
ones are noisy: quote the ratios. Engines have a benchmark of their own, `percast engine bench`.
"""

import percast.tools.process  # noqa: F401  # isort: skip  # before numpy is loaded

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from percast.blocks.channel import ChannelConfig
from percast.blocks.images import parse_size
from percast.blocks.images.config import SinkConfig, SourceConfig
from percast.blocks.queues.worker import Worker
from percast.blocks.waveform import kernels
from percast.blocks.waveform.profile import open_profile
from percast.engines.codecs.config import DEFAULT_THREADS
from percast.engines.codecs.contract import Codec
from percast.engines.codecs.registry import open_codec
from percast.engines.evaluation.bench import resident_mb
from percast.errors import PercastError
from percast.flowgraphs.config import TransmitterConfig
from percast.tools import terminal
from percast.tools.figures.speed import SNR_DB, compared, receiving, sending
from percast.tools.figures.traffic import traffic
from percast.tools.loopback_run import LoopbackConfig
from percast.tools.loopback_run import run as run_link
from percast.tools.photographs import write_photographs


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    texts = [[f"{x:.3g}" if isinstance(x, float) else str(x) for x in row] for row in rows]
    terminal.print_table(title, heads, texts)


def modem(args: argparse.Namespace) -> None:
    """Frames of 4,096 symbols through percast's modem and GNU Radio's stock OFDM blocks, in turns;
    medians. "CPU" is by a second of processor time, of all threads, instead of by the clock."""
    from percast.tools.figures.modems import run_percast, run_stock

    runs = {"percast": run_percast, "stock": run_stock}
    rows = []
    for snr in args.snr:
        turns = [[run(args.frames, snr) for run in runs.values()] for _ in range(args.rounds)]
        for which, name in enumerate(runs):
            mine = [turn[which] for turn in turns]
            received = sum(run.received for run in mine)
            ratios = (
                np.median([turn[which].rate(*about) / turn[1].rate(*about) for turn in turns])
                for about in _RATES
            )
            rows.append(
                (f"{snr:g}", name, f"{received}/{args.rounds * args.frames}",
                 float(np.median([run.rate("samples", "seconds") for run in mine])) / 1e6,
                 float(np.median([run.rate("symbols", "seconds") for run in mine])) / 1e6,
                 *(f"{x:.2f}" for x in ratios))
            )  # fmt: skip
    show(
        "modem: 4,096 complex symbols a frame, whole chain in one flowgraph, AWGN",
        ("SNR dB", "modem", "frames received", "Msamples/s", "Msymbols/s", "samples / stock",
         "symbols / stock", "samples, CPU", "symbols, CPU"),
        rows,
    )  # fmt: skip


_RATES = [(of, per) for per in ("seconds", "cpu_seconds") for of in ("samples", "symbols")]


def waveform(args: argparse.Namespace) -> None:
    """Full traffic through one end of the modem, on one core: compiled kernels beside numpy."""
    kernels.warm_up()
    rows = []
    for name in ("standard-4m", "wide-10m"):
        for kind, symbols in (("long", 4096), ("short", 4096), ("short", 24576)):
            profile = open_profile(name).of(kind)
            samples = traffic(profile, symbols, args.samples, SNR_DB)
            ends = {
                "sends": lambda p=profile, n=symbols: sending(p, n),
                "receives": lambda p=profile, x=samples: receiving(p, x),
            }
            for end, run in ends.items():
                fast, slow, ratio = compared(run, args.rounds)
                rows.append((name, kind, symbols, end, fast, slow, f"{ratio:.2f}"))
    show(
        f"waveform: Msamples/s of one thread's own time, full traffic, AWGN {SNR_DB:g} dB",
        ("profile", "header", "symbols a picture", "", "kernels", "numpy", "ratio"),
        rows,
    )


def calls(codec: Codec, height: int, width: int):
    """Two functions that encode and decode one picture of noise-free detail."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * y % 251, x % 256, y % 256], axis=2).astype(np.uint8)
    coded, symbols = codec.encode(rgb)
    variance = np.full(len(symbols), 0.1, np.float32)
    return lambda: codec.encode(rgb), lambda: codec.decode(coded, symbols, variance)


def engines_alone(codec: Codec, height: int, width: int, seconds: float = 2.0) -> float:
    """Pictures per second through encoder and generator, each in a thread, with a queue between
    them and nothing else."""
    encode, decode = calls(codec, height, width)
    encode(), decode()  # compiles
    worker, pictures = Worker(lambda _: decode()), 0
    start = time.perf_counter()
    while time.perf_counter() < start + seconds:
        encode()
        worker.submit(None)
        pictures += 1
    worker.close()
    return pictures / (time.perf_counter() - start)


def run_loopback(
    source: Path,
    size: str,
    frames: int,
    channel: ChannelConfig = ChannelConfig(),
    on_image: Callable[[dict], None] = lambda record: None,
    share: int = 1,
) -> dict:
    """The JSON object of a loopback without metrics."""
    wanted = LoopbackConfig(
        SourceConfig(str(source), frames, size), SinkConfig(metrics=()),
        transmitter=TransmitterConfig(share=share), channel=channel,
    )  # fmt: skip
    return run_link(wanted, on_image).summary


def link(args: argparse.Namespace) -> None:
    """The whole loopback at several sizes, in turns with its engines alone; medians. Each run is
    divided by what the engines did before and after it."""
    rows = []
    codec = open_codec("learned")
    with tempfile.TemporaryDirectory() as folder:
        source = write_photographs(Path(folder))
        for text in args.sizes:
            width, height = parse_size(text)
            for frames in (args.frames, 3 * args.frames):
                alone, runs = [engines_alone(codec, height, width)], []
                for _ in range(args.rounds):
                    runs.append(run_loopback(source, text, frames, share=args.share))
                    alone.append(engines_alone(codec, height, width))
                rates = np.array([run["frames_per_second"] for run in runs])
                beside = np.convolve(alone, [0.5, 0.5], "valid")
                rows.append(
                    (text, f"{sum(r['received'] for r in runs)}/{sum(r['sent'] for r in runs)}",
                     float(np.median(rates)), float(np.median(rates)) * width * height / 1e6,
                     float(np.median(beside)), f"{np.median(rates / beside):.0%}")
                )  # fmt: skip
    codec.close()
    show(
        f"loopback: {DEFAULT_THREADS} threads per engine, CBR 1/48, AWGN 10 dB, no metrics, "
        f"{args.share} a packet",
        ("size", "received", "pictures/s", "Mpixel/s", "engines alone", "share"),
        rows,
    )


def soak(args: argparse.Namespace) -> None:
    """Memory over many small frames."""
    every = max(1, args.frames // 11)  # a few may be lost
    rows: list[tuple] = []
    count = 0
    start = time.perf_counter()

    def watch(record: dict) -> None:
        nonlocal count
        count += 1
        if count % every == 0:
            rows.append((count, resident_mb(), count / (time.perf_counter() - start)))

    with tempfile.TemporaryDirectory() as folder:
        source = write_photographs(Path(folder))
        run_loopback(source, "64x64", args.frames, ChannelConfig(model="tdl-c"), watch)
    show("soak: 64x64 pictures over TDL-C", ("frames", "resident MB", "pictures/s"), rows)
    print(f"growth after the first tenth: {rows[-1][1] - rows[0][1]:.1f} MB")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="percast.tools.figures.benchmark", description=__doc__)
    verbs = parser.add_subparsers(required=True)

    def verb(function: Callable, name: str, frames: int = 0, sizes: str = ""):
        sub = verbs.add_parser(name, help=function.__doc__, description=function.__doc__)
        sub.set_defaults(function=function)
        if frames:
            sub.add_argument("--frames", type=int, default=frames)
        if sizes:
            sub.add_argument("--sizes", nargs="+", default=sizes.split(), metavar="WxH")
        return sub

    sub = verb(modem, "modem", frames=400)
    sub.add_argument("--rounds", type=int, default=5, help="pairs of runs (default 5)")
    sub.add_argument("--snr", type=float, nargs="+", default=[3.0, 10.0, 25.0], metavar="DB")
    sub = verb(waveform, "waveform")
    sub.add_argument("--samples", type=int, default=400_000, help="of each run (default 400,000)")
    sub.add_argument("--rounds", type=int, default=7, help="pairs of runs (default 7)")
    sub = verb(link, "loopback", frames=60, sizes="128x128 256x256 512x384 768x512")
    sub.add_argument("--rounds", type=int, default=3, help="pairs of runs (default 3)")
    sub.add_argument("--share", type=int, default=1, help="pictures a packet (default 1)")
    verb(soak, "soak", frames=20000)
    args = parser.parse_args(argv)
    try:
        args.function(args)
    except PercastError as error:
        print(f"percast: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
