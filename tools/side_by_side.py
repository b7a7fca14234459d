# SPDX-License-Identifier: GPL-3.0-or-later
"""The same photographs at the same bandwidth through four systems, side by side.

    python -m percast.tools.side_by_side FOLDER

writes one sheet for each of the demo's photographs that may be shown anywhere: AWGN of 10 dB, rows
by channel bandwidth ratio; the original, HEVC with 5G LDPC, the distortion-only model, percast. Then
it prints means over all photographs.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from percast.blocks.images import open_source
from percast.engines.codecs.config import CodecConfig, parse_cbr
from percast.engines.codecs.contract import Picture
from percast.engines.codecs.registry import open_codec
from percast.engines.evaluation.hevc import encode_within
from percast.engines.evaluation.symbol_channel import SymbolChannel
from percast.engines.metrics import Lpips, psnr
from percast.errors import FileError, ModelError, PercastError, UsageError
from percast.tools import report
from percast.tools.contact_sheet import Cell, draw
from percast.tools.verbs.demo import SHOWN, Photo, photographs

RATES = ("1/96", "1/48", "1/24")
SNR_DB = 10.0
SIDE = 224  # pixels of each picture that are shown
QUALITY = 90  # of the JPEG

# 64-QAM, code rate 466/1024 (MCS 11 of table 5.1.3.1-2, 3GPP TS 38.214): the fastest of its
# entries that gets through 10 dB: in a run of Sionna's 5G LDPC that is not kept here (30 iterations,
# 2,796 information bits) it lost 2 of 300 blocks, and the next entry, 3.03 bit/symbol, 257 of 300.
LDPC_BITS_PER_SYMBOL = 6 * 466 / 1024


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="side_by_side", description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="for the sheets")
    parser.add_argument("--source", metavar="FOLDER", help="other photographs (default the demo's)")
    parser.add_argument("--model", default="base", metavar="NAME", help="(default base)")
    parser.add_argument("--baseline", default="mse", metavar="NAME", help="(default mse)")
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


def _write(args: argparse.Namespace) -> None:
    lpips = Lpips.open(threads=2)
    if lpips is None:
        raise ModelError("a sheet without LPIPS says little: percast eval fetch-weights")
    systems = [
        System(("HEVC + 5G LDPC", f"{LDPC_BITS_PER_SYMBOL:.2f} bit/symbol, no error"), _hevc),
        System(("Distortion only", "the same networks for MSE"), _learned(args.baseline, 0.0)),
        System(("percast", "realism 1"), _learned(args.model, 1.0)),
    ]
    scores = defaultdict(list)
    for photo in _photos(args.source):
        rgb = _even(photo.rgb)
        rows = []
        for rate in RATES:
            row = [Cell(_middle(rgb), "original")]
            for system in systems:
                received = system.receive(rgb, rate)
                if received is None:
                    row.append(Cell(None, f"does not fit at {rate}"))
                    continue
                distance, fidelity = lpips(rgb, received), psnr(rgb, received)
                scores[rate, system.heading[0]].append((distance, fidelity))
                caption = f"{rate}  LPIPS {distance:.3f}  {fidelity:.1f} dB"
                row.append(Cell(_middle(received), caption))
            rows.append(row)
        path = args.folder / f"{photo.name}.jpg"
        try:
            args.folder.mkdir(parents=True, exist_ok=True)
            _sheet(photo, rgb, systems, rows).save(path, quality=QUALITY)
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror or error}") from error
        report.say(str(path))
    for (rate, name), found in scores.items():
        distance, fidelity = np.mean(found, axis=0)
        print(
            f"{rate}  {name:16}{len(found):4} photographs  LPIPS {distance:.3f}  {fidelity:.1f} dB"
        )


def _photos(source: str | None) -> Iterator[Photo]:
    if source is None:
        yield from photographs()[:SHOWN]
        return
    with open_source(source) as pictures:
        for picture in pictures:
            if min(picture.rgb.shape[:2]) < SIDE:
                raise UsageError(f"{picture.name} is too small: {SIDE} pixels a side are shown")
            yield Photo(Path(picture.name).stem, picture.rgb)


def _sheet(photo: Photo, rgb: Picture, systems: list[System], rows: list[list[Cell]]):
    height, width = rgb.shape[:2]
    lines = [
        f"{width} x {height} pixels, of which the middle is shown; AWGN, SNR {SNR_DB:g} dB. "
        "Figures are those of the whole picture.",
        f"Rows: {', '.join(RATES)} complex channel symbols per source sample.",
    ]
    columns = [("Original", ""), *(system.heading for system in systems)]
    return draw(photo.name, lines, columns, rows)


def _hevc(rgb: Picture, rate: str) -> Picture | None:
    found = encode_within(rgb, int(parse_cbr(rate) * rgb.size * LDPC_BITS_PER_SYMBOL))
    return None if found is None else found[0]


def _learned(name: str, realism: float) -> Callable[[Picture, str], Picture]:
    channel = SymbolChannel()

    def receive(rgb: Picture, rate: str) -> Picture:
        config = CodecConfig(model=name, cbr=parse_cbr(rate), design_snr_db=SNR_DB, threads=2)
        with open_codec("learned", config) as codec:
            coded, symbols = codec.encode(rgb)
            arrived = channel.propagate(symbols, SNR_DB, channel.air(len(symbols), 0))
            return codec.decode(coded, *arrived, realism)

    return receive


def _middle(rgb: Picture) -> Picture:
    y, x = ((side - SIDE) // 2 for side in rgb.shape[:2])
    return rgb[y : y + SIDE, x : x + SIDE]


def _even(rgb: Picture) -> Picture:
    """4:2:0 needs even sides."""
    height, width = (side - side % 2 for side in rgb.shape[:2])
    return rgb[:height, :width]


if __name__ == "__main__":
    sys.exit(main())
