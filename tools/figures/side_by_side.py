# SPDX-License-Identifier: GPL-3.0-or-later
"""The same photographs at the same bandwidth through four systems, side by side.

    python -m percast.tools.figures.side_by_side FOLDER

writes one sheet for each of the demo's photographs that may be shown anywhere: AWGN of 10 dB, rows
by channel bandwidth ratio; the original, HEVC with 5G LDPC, the distortion-only model, percast.
Then it prints means over all photographs, and what share of HEVC's bandwidth percast takes at equal
value of each metric.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.ndimage import uniform_filter

from percast.blocks.images import open_source
from percast.engines.codecs.config import CodecConfig, parse_cbr
from percast.engines.codecs.contract import Picture, Undecodable
from percast.engines.codecs.digital.codec import DoesNotFit
from percast.engines.codecs.digital.schemes import scheme_for
from percast.engines.codecs.registry import open_codec
from percast.engines.evaluation.evaluate import METRICS, open_metrics
from percast.engines.evaluation.symbol_channel import SymbolChannel
from percast.engines.manifest import load_model
from percast.engines.metrics import find_weights
from percast.engines.metrics.fid import FeatureStatistics, InceptionFeatures, frechet_distance
from percast.errors import FileError, ModelError, PercastError, UsageError
from percast.tools import report
from percast.tools.destination import ready_folder
from percast.tools.figures.contact_sheet import Cell, draw
from percast.tools.photographs import SHOWN, Photo, photographs
from percast.tools.settings import parse_list
from percast.tools.statistics.rate_curves import bandwidth_shares

RATES = "1/96,1/48,1/24"
SHOWN_METRICS = ("psnr", "lpips")  # below every picture
SNR_DB = 10.0
SIDE = 224  # pixels of each picture that are shown
QUALITY = 90  # of the JPEG
DETAIL = 9  # pixels; what is larger than that is no detail
_ABOUT = "The same photographs at the same bandwidth through four systems, side by side."

Key = tuple[str, str]
"""Rate, and the system's name."""

Corner = tuple[int, int]
"""Top and left, in pixels."""

HEVC, DISTORTION_ONLY, PERCAST = "HEVC + 5G LDPC", "Distortion only", "percast"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="side_by_side", description=_ABOUT)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="for the sheets")
    parser.add_argument("--source", metavar="FOLDER", help="other photographs (default the demo's)")
    parser.add_argument("--model", default="base", metavar="NAME", help="(default base)")
    parser.add_argument(
        "--baseline", default="mse", metavar="NAME",
        help="the model that was trained for distortion alone (default mse)",
    )  # fmt: skip
    parser.add_argument(
        "--cbr", default=RATES, metavar="LIST", help=f"channel bandwidth ratios (default {RATES})"
    )
    parser.add_argument(
        "--metrics", default="", metavar="LIST",
        help=f"beside {' and '.join(SHOWN_METRICS)}: of {','.join(METRICS)} (default none)",
    )  # fmt: skip
    args = parser.parse_args(argv)
    try:
        _write(args)
    except PercastError as error:
        report.say(str(error))
        return error.exit_code
    return 0


class System(NamedTuple):
    """A column: what stands above it, and what it makes of a photograph at a rate."""

    heading: tuple[str, str]
    receive: Callable[[Picture, str], Picture | None]


class Scores:
    """Figures of every photograph through every system, and their means.

    Args:
        metrics: names of `METRICS`.
    """

    def __init__(self, metrics: Sequence[str]):
        self._metrics = open_metrics(metrics, threads=2)
        self._inception = InceptionFeatures.open(threads=2) if "fid" in metrics else None
        self._figures: dict[Key, list[dict[str, float]]] = defaultdict(list)
        self._sent: dict[Key, FeatureStatistics] = defaultdict(FeatureStatistics)
        self._received: dict[Key, FeatureStatistics] = defaultdict(FeatureStatistics)

    def begin(self, original: Picture) -> None:
        """What `add` gets from now on is this photograph."""
        self._original = original
        if self._inception is not None:
            self._features = self._inception(original)

    def add(self, rate: str, system: str, received: Picture) -> dict[str, float]:
        """Its figures, by the names of `METRICS`' values."""
        figures = {name: metric(self._original, received) for name, metric in self._metrics.items()}
        self._figures[rate, system].append(figures)
        if self._inception is not None:
            self._sent[rate, system].add(self._features)
            self._received[rate, system].add(self._inception(received))
        return figures

    def means(self) -> dict[Key, dict[str, float]]:
        """Of every rate and system."""
        means = {
            key: {name: float(np.mean([each[name] for each in figures])) for name in figures[0]}
            for key, figures in self._figures.items()
        }
        for key, sent in self._sent.items():
            if (distance := frechet_distance(sent, self._received[key])) is not None:
                means[key]["fid"] = distance
        return means

    def report(self) -> Iterator[str]:
        """Lines for people: the means, then bandwidth at equal value of each metric.

        Rates at which a system could not send every photograph are left out of the latter.
        """
        means = self.means()
        for (rate, system), figures in means.items():
            count = len(self._figures[rate, system])
            text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
            yield f"{rate}  {system:16}{count:4} photographs  {text}"
        every = max(map(len, self._figures.values()), default=0)
        curves: dict[str, dict[Fraction, dict[str, float]]] = {PERCAST: {}, HEVC: {}}
        for (rate, system), figures in means.items():
            if system in curves and len(self._figures[rate, system]) == every:
                curves[system][parse_cbr(rate)] = figures
        if not all(curves.values()):
            return
        for name in next(iter(means.values())):
            ours, theirs = (
                {float(rate): figures[name] for rate, figures in curves[system].items()}
                for system in (PERCAST, HEVC)
            )
            shares = bandwidth_shares(ours, theirs, name).values()
            text = ", ".join(
                f"{rate}: {share}" for rate, share in zip(sorted(curves[HEVC]), shares, strict=True)
            )
            yield f"percast's bandwidth at HEVC's {name} of {text}"


def _write(args: argparse.Namespace) -> None:
    rates = [str(rate) for rate in parse_list("--cbr", args.cbr, parse_cbr)]
    asked = parse_list("--metrics", args.metrics, _metric) if args.metrics else []
    if find_weights("lpips") is None:
        raise ModelError("a sheet without LPIPS says little: percast eval fetch-weights")
    ready_folder(args.folder)
    systems = [
        System((HEVC, f"QAM, {scheme_for(SNR_DB).information:.2f} bit/symbol"), _hevc),
        System(
            (DISTORTION_ONLY, f"model {Path(args.baseline).name}, realism 0"),
            _learned(args.baseline, 0.0),
        ),
        System((PERCAST, "realism 1"), _learned(args.model, 1.0)),
    ]
    scores = Scores([*SHOWN_METRICS, *asked])
    for photo in _photos(args.source):
        rgb = photo.rgb
        scores.begin(rgb)
        smoothest = _smoothest(rgb)
        rows, smooth = [], [Cell(_window(rgb, smoothest), "original, smoothest part")]
        for rate in rates:
            row = [Cell(_window(rgb, _middle(rgb)), "original")]
            for system in systems:
                name = system.heading[0]
                received = system.receive(rgb, rate)
                if received is None:
                    row.append(Cell(None, f"not possible at {rate}"))
                    continue
                figures = scores.add(rate, name, received)
                caption = f"{rate}  LPIPS {figures['lpips']:.3f}  {figures['psnr_db']:.1f} dB"
                row.append(Cell(_window(received, _middle(rgb)), caption))
                if rate == rates[0]:
                    smooth.append(Cell(_window(received, smoothest), f"{rate}, smoothest part"))
            rows.append(row)
        path = args.folder / f"{photo.name}.jpg"
        try:
            _sheet(photo, rgb, systems, rates, [*rows, smooth]).save(path, quality=QUALITY)
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror or error}") from error
        report.say(str(path))
    for line in scores.report():
        print(line)


def _metric(name: str) -> str:
    if name not in METRICS:
        raise UsageError(f"'{name}' is unknown; there are {', '.join(METRICS)}")
    return name


def _photos(source: str | None) -> Iterator[Photo]:
    if source is None:
        yield from photographs()[:SHOWN]
        return
    with open_source(source) as pictures:
        for picture in pictures:
            if min(picture.rgb.shape[:2]) < SIDE:
                raise UsageError(f"{picture.name} is too small: {SIDE} pixels a side are shown")
            yield Photo(Path(picture.name).stem, picture.rgb)


def _sheet(
    photo: Photo, rgb: Picture, systems: list[System], rates: list[str], rows: list[list[Cell]]
) -> Image.Image:
    height, width = rgb.shape[:2]
    lines = [
        f"{width} x {height} pixels, of which the middle is shown; AWGN, SNR {SNR_DB:g} dB. "
        "Figures are those of the whole picture.",
        f"Rows: {', '.join(rates)} complex channel symbols per source sample; last, at {rates[0]}, "
        "the smoothest part.",
    ]
    columns = [("Original", ""), *(system.heading for system in systems)]
    return draw(photo.name, lines, columns, rows)


def _hevc(rgb: Picture, rate: str) -> Picture | None:
    channel = SymbolChannel()
    with open_codec("hevc-ldpc", CodecConfig(cbr=parse_cbr(rate), design_snr_db=SNR_DB)) as codec:
        try:
            coded, symbols = codec.encode(rgb)
            arrived = channel.propagate(symbols, SNR_DB, channel.air(len(symbols), 0))
            return codec.decode(coded, *arrived)
        except (DoesNotFit, Undecodable):
            return None


def _learned(name: str, realism: float) -> Callable[[Picture, str], Picture | None]:
    model, channel = load_model(name), SymbolChannel()

    def receive(rgb: Picture, rate: str) -> Picture | None:
        if (cbr := parse_cbr(rate)) > max(model.rates):
            return None
        config = CodecConfig(model=name, cbr=cbr, design_snr_db=SNR_DB, threads=2)
        with open_codec("learned", config) as codec:
            coded, symbols = codec.encode(rgb)
            arrived = channel.propagate(symbols, SNR_DB, channel.air(len(symbols), 0))
            return codec.decode(coded, *arrived, realism)

    return receive


def _window(rgb: Picture, corner: Corner) -> Picture:
    """What is shown: SIDE pixels a side."""
    y, x = corner
    return rgb[y : y + SIDE, x : x + SIDE]


def _middle(rgb: Picture) -> Corner:
    height, width = rgb.shape[:2]
    return (height - SIDE) // 2, (width - SIDE) // 2


def _smoothest(rgb: Picture) -> Corner:
    """Of the window with the least fine detail: there a code's own noise and patterns show most."""
    grey, half = rgb.mean(axis=2), SIDE // 2
    detail = uniform_filter((grey - uniform_filter(grey, DETAIL)) ** 2, SIDE)
    height, width = grey.shape
    whole = detail[half : height - half + 1, half : width - half + 1]  # windows inside
    y, x = np.unravel_index(whole.argmin(), whole.shape)
    return int(y), int(x)


if __name__ == "__main__":
    sys.exit(main())
