# SPDX-License-Identifier: GPL-3.0-or-later
"""Quality against SNR at one rate: the learned code beside a digital link, over the same waveform.

    python -m percast.tools.figures.cliff FOLDER --source PHOTOS

writes `cliff.csv` and `cliff.png` (needs matplotlib): means over the photographs of percast,
encoded for 10 dB, with the short headers that go with it and with long ones; of `hevc-ldpc` with
the scheme that it takes for 10 dB; and of `hevc-ldpc` with the best scheme for each photograph at
each SNR, as if the sender knew the channel beforehand. A photograph that cannot be decoded, or of
which no header is read, counts as a grey one.
"""

import argparse
import csv
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from itertools import product
from pathlib import Path
from statistics import fmean

import numpy as np

from percast.blocks.channel import ChannelConfig
from percast.blocks.images import open_source, parse_size
from percast.blocks.waveform.formats.kinds import AUTO, LONG
from percast.blocks.waveform.profile import open_profile
from percast.blocks.waveform.transmit import DEFAULT_PAPR_DB
from percast.engines.codecs.config import CodecConfig, parse_cbr
from percast.engines.codecs.contract import Codec, CodedImage, Picture, Symbols, Undecodable
from percast.engines.codecs.digital.codec import DoesNotFit
from percast.engines.codecs.digital.schemes import scheme_for, thresholds
from percast.engines.codecs.registry import open_codec
from percast.engines.evaluation.evaluate import open_metrics
from percast.errors import FileError, PercastError, UsageError
from percast.flowgraphs.numpy_link import NumpyLink
from percast.tools import report
from percast.tools.destination import ready_folder
from percast.tools.settings import parse_list

DESIGN_SNR_DB = 10.0
CHANNELS = ("awgn", "tdl-c")
FIGURES = {"lpips": "lpips", "dists": "dists", "psnr": "psnr_db"}
_LABELS = {
    "delivered": "share delivered",
    "lpips": "LPIPS (AlexNet)",
    "dists": "DISTS",
    "psnr_db": "PSNR, dB",
}
SYSTEMS = {
    "percast": (f"percast, encoded for {DESIGN_SNR_DB:g} dB", "C0", "-"),
    "percast-long": ("percast, with long headers", "C0", ":"),
    "fixed": (f"HEVC, LDPC, QAM for {DESIGN_SNR_DB:g} dB", "C3", "-"),
    "best": ("HEVC, LDPC, QAM of the best scheme each time", "C3", ":"),
}
"""What each is called in the figure, and how it is drawn."""
_GREY = 128
_SPREAD_DB = {"awgn": 1.0}  # above the SNR, where schemes are still tried
_FADING_SPREAD_DB = 8.0

Send = Callable[[CodedImage, Symbols], Picture | None]
"""A coded picture through the channel, and decoded; None where that cannot be."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="cliff", description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="for the results")
    parser.add_argument("--source", required=True, metavar="FOLDER", help="photographs")
    parser.add_argument("--size", metavar="WxH", help="crop and resize them")
    parser.add_argument("--cbr", type=parse_cbr, default=Fraction(1, 48), metavar="R")
    parser.add_argument("--snr", default="0,2,4,6,8,9,10,11,12,14,16,18,20", metavar="LIST")
    parser.add_argument("--channel", default=",".join(CHANNELS), metavar="LIST")
    args = parser.parse_args(argv)
    try:
        _write(args)
    except PercastError as error:
        report.say(str(error))
        return error.exit_code
    return 0


@dataclass(frozen=True)
class Row:
    """A system at an SNR, mean over the photographs."""

    channel: str
    system: str
    snr_db: float
    delivered: float
    lpips: float
    dists: float
    psnr_db: float


class Sender:
    """The three codes, for one photograph; what was encoded once is not encoded again."""

    def __init__(self, learned: Codec, digital: Codec, original: Picture):
        self._learned, self._digital, self._original = learned, digital, original
        self._sent: dict[int | None, tuple[CodedImage, Symbols] | None] = {}

    def percast(self, send: Send) -> Picture | None:
        if None not in self._sent:
            self._sent[None] = self._learned.encode(self._original)
        return send(*self._sent[None])

    def fixed(self, send: Send) -> Picture | None:
        coded = self._coded(scheme_for(DESIGN_SNR_DB).index)
        return None if coded is None else send(*coded)

    def best(self, send: Send, most_db: float) -> Picture | None:
        """With the fastest scheme that gets through, of those for at most `most_db`.

        Where one does, all slower ones do: the range is halved. One that is too slow for the
        picture to fit counts as getting through.
        """
        best, low, high = None, 0, sum(least <= most_db for least in thresholds().values())
        while low < high:
            index = (low + high) // 2
            coded = self._coded(index)
            picture = None if coded is None else send(*coded)
            if picture is not None:
                best = picture
            if picture is not None or coded is None:
                low = index + 1
            else:
                high = index
        return best

    def _coded(self, index: int) -> tuple[CodedImage, Symbols] | None:
        if index not in self._sent:
            try:
                self._sent[index] = self._digital.with_scheme(index).encode(self._original)
            except DoesNotFit:
                self._sent[index] = None
        return self._sent[index]


def _write(args: argparse.Namespace) -> None:
    snrs = parse_list("--snr", args.snr, float)
    channels = parse_list("--channel", args.channel, str)
    size = parse_size(args.size) if args.size else None
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("the figure needs matplotlib: pip install 'percast[plots]'")
    ready_folder(args.folder)
    with open_source(args.source, size) as pictures:
        photos = [picture.rgb for picture in pictures]
    rows = list(measure(photos, args.cbr, channels, snrs))
    try:
        with open(args.folder / "cliff.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, list(asdict(rows[0])), lineterminator="\n")
            writer.writeheader()
            writer.writerows(_rounded(row) for row in rows)
        draw(rows, args.cbr, len(photos)).savefig(args.folder / "cliff.png", dpi=110)
    except OSError as error:
        raise FileError(f"cannot write to {args.folder}: {error.strerror or error}") from error


def measure(
    photos: list[Picture], cbr: Fraction, channels: list[str], snrs: list[float]
) -> Iterator[Row]:
    """Every system over every channel at every SNR (dB)."""
    metrics = open_metrics(tuple(FIGURES), threads=2)
    if missing := [name for name in FIGURES.values() if name not in metrics]:
        raise UsageError(f"no weights for {', '.join(missing)}: percast eval fetch-weights")
    for channel, snr_db in product(channels, snrs):
        ChannelConfig(model=channel, snr_db=snr_db)  # a wrong one is told before an hour's work
    config = CodecConfig(cbr=cbr, design_snr_db=DESIGN_SNR_DB, realism=1.0, threads=2)
    with open_codec("learned", config) as learned, open_codec("hevc-ldpc", config) as digital:
        codecs = {codec.codec_id: codec for codec in (learned, digital)}
        senders = [Sender(learned, digital, photo) for photo in photos]
        for channel in channels:
            auto, long = (
                NumpyLink(open_profile().of(header), ChannelConfig(model=channel), DEFAULT_PAPR_DB)
                for header in (AUTO, LONG.name)
            )
            for snr_db in snrs:
                found: dict[str, list[Picture | None]] = {system: [] for system in SYSTEMS}
                for number, sender in enumerate(senders):
                    send = partial(_through, auto, codecs, snr_db, number)
                    found["percast"].append(sender.percast(send))
                    sturdy = partial(_through, long, codecs, snr_db, number)
                    found["percast-long"].append(sender.percast(sturdy))
                    found["fixed"].append(sender.fixed(send))
                    spread = _SPREAD_DB.get(channel, _FADING_SPREAD_DB)
                    found["best"].append(sender.best(send, snr_db + spread))
                for system, results in found.items():
                    row = _row(channel, system, snr_db, photos, results, metrics)
                    report.say(
                        f"{channel} {snr_db:g} dB {system}: {row.delivered:.0%}, LPIPS "
                        f"{row.lpips:.3f}, DISTS {row.dists:.3f}, PSNR {row.psnr_db:.1f} dB"
                    )
                    yield row


def _through(
    link: NumpyLink,
    codecs: dict[int, Codec],
    snr_db: float,
    number: int,
    coded: CodedImage,
    symbols: Symbols,
) -> Picture | None:
    """See `Send`; `number` is the photograph's, which has a channel of its own."""
    arrival = link(coded, symbols, snr_db, number)
    if arrival is None:
        return None
    try:
        codec = codecs[arrival.coded.codec_id]
        return codec.decode(arrival.coded, arrival.symbols, arrival.noise_var)
    except Undecodable:
        return None


def _row(
    channel: str,
    system: str,
    snr_db: float,
    photos: list[Picture],
    results: list[Picture | None],
    metrics: dict,
) -> Row:
    figures: dict[str, list[float]] = {name: [] for name in metrics}
    for original, result in zip(photos, results, strict=True):
        shown = np.full_like(original, _GREY) if result is None else result
        for name, metric in metrics.items():
            figures[name].append(metric(original, shown))
    return Row(
        channel=channel,
        system=system,
        snr_db=snr_db,
        delivered=fmean(result is not None for result in results),
        **{name: fmean(values) for name, values in figures.items()},
    )


def _rounded(row: Row) -> dict[str, object]:
    return {
        key: round(value, 4) if isinstance(value, float) else value
        for key, value in asdict(row).items()
    }


def draw(rows: list[Row], cbr: Fraction, pictures: int):
    """A figure: metrics from top to bottom, channels side by side."""
    from matplotlib.figure import Figure

    channels = list(dict.fromkeys(row.channel for row in rows))
    figure = Figure(figsize=(4.8 * len(channels), 12), layout="constrained")
    axes = figure.subplots(len(_LABELS), len(channels), sharex=True, sharey="row", squeeze=False)
    for across, channel in enumerate(channels):
        for down, (key, label) in enumerate(_LABELS.items()):
            plot = axes[down][across]
            for system, (name, colour, style) in SYSTEMS.items():
                mine = [r for r in rows if (r.channel, r.system) == (channel, system)]
                x, y = [r.snr_db for r in mine], [getattr(r, key) for r in mine]
                plot.plot(x, y, style, color=colour, marker=".", label=name)
            plot.grid(alpha=0.3)
            plot.set_ylabel(label if across == 0 else "")
            plot.set_title(channel.upper() if down == 0 else "")
        axes[-1][across].set_xlabel("SNR, dB")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", frameon=False)
    figure.suptitle(f"{cbr} channel symbols per source sample, mean over {pictures} photographs")
    return figure


if __name__ == "__main__":
    sys.exit(main())
