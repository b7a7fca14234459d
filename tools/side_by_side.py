# SPDX-License-Identifier: GPL-3.0-or-later
"""The same photographs at the same bandwidth through four systems, side by side.

    python -m percast.tools.side_by_side FOLDER

writes one sheet for each of the demo's photographs that may be shown anywhere: AWGN of 10 dB, rows
by channel bandwidth ratio; the original, HEVC with 5G LDPC, the distortion-only model, percast.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from percast.engines.codec import parse_cbr
from percast.engines.hevc import encode_within
from percast.engines.learned import LearnedCodec
from percast.engines.manifest import load_model
from percast.engines.metrics import Lpips, psnr
from percast.engines.symbol_channel import SymbolChannel
from percast.errors import FileError, ModelError, PercastError
from percast.tools import report
from percast.tools.contact_sheet import Cell, draw
from percast.tools.demo import SHOWN, Photo, photographs

RATES = ("1/96", "1/48", "1/24")
SNR_DB = 10.0
SIDE = 224  # pixels of each picture that are shown
QUALITY = 90  # of the JPEG

# 64-QAM, code rate 466/1024 (MCS 11 of table 5.1.3.1-2, 3GPP TS 38.214): the fastest of its
# entries that gets through 10 dB. Sionna's 5G LDPC (30 iterations, 2,796 information bits) lost 2
# of 300 blocks there, and 257 of 300 with the next entry, 3.03 bit/symbol.
LDPC_BITS_PER_SYMBOL = 6 * 466 / 1024


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="side_by_side", description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--model", default="base", metavar="NAME", help="(default base)")
    parser.add_argument("--baseline", default="mse", metavar="NAME", help="(default mse)")
    args = parser.parse_args(argv)
    try:
        _write(args)
    except PercastError as error:
        report.say(str(error))
        return error.exit_code
    return 0


def _write(args: argparse.Namespace) -> None:
    lpips = Lpips.open(threads=2)
    if lpips is None:
        raise ModelError("a sheet without LPIPS says little: percast eval fetch-weights")
    systems = [(args.baseline, 0.0), (args.model, 1.0)]
    for photo in photographs()[:SHOWN]:
        rgb = _even(photo.rgb)
        cells = [
            [
                Cell(_middle(rgb), "original"),
                _hevc(rgb, rate, lpips),
                *(_learned(rgb, rate, model, realism, lpips) for model, realism in systems),
            ]
            for rate in RATES
        ]
        path = args.folder / f"{photo.name}.jpg"
        try:
            args.folder.mkdir(parents=True, exist_ok=True)
            _sheet(photo, rgb, cells).save(path, quality=QUALITY)
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror or error}") from error
        report.say(str(path))


def _sheet(photo: Photo, rgb: np.ndarray, cells: list[list[Cell]]):
    height, width = rgb.shape[:2]
    lines = [
        f"{width} x {height} pixels, of which the middle is shown; AWGN, SNR {SNR_DB:g} dB. "
        "Figures are those of the whole picture.",
        f"Rows: {', '.join(RATES)} complex channel symbols per source sample.",
    ]
    columns = [
        ("Original", ""),
        ("HEVC + 5G LDPC", f"{LDPC_BITS_PER_SYMBOL:.2f} bit/symbol, no error"),
        ("Distortion only", "the same networks for MSE"),
        ("percast", "realism 1"),
    ]
    return draw(photo.name, lines, columns, cells)


def _hevc(rgb: np.ndarray, rate: str, lpips: Lpips) -> Cell:
    found = encode_within(rgb, int(parse_cbr(rate) * rgb.size * LDPC_BITS_PER_SYMBOL))
    if found is None:
        return Cell(None, f"does not fit at {rate}")
    return _cell(rgb, found[0], rate, lpips)


def _learned(rgb: np.ndarray, rate: str, model: str, realism: float, lpips: Lpips) -> Cell:
    channel = SymbolChannel()
    with LearnedCodec(load_model(model), parse_cbr(rate), SNR_DB, threads=2) as codec:
        coded, symbols = codec.encode(rgb)
        arrived = channel.propagate(symbols, SNR_DB, channel.air(len(symbols), 0))
        return _cell(rgb, codec.decode(coded, *arrived, realism), rate, lpips)


def _cell(original: np.ndarray, received: np.ndarray, rate: str, lpips: Lpips) -> Cell:
    distance, fidelity = lpips(original, received), psnr(original, received)
    return Cell(_middle(received), f"{rate}  LPIPS {distance:.3f}  {fidelity:.1f} dB")


def _middle(rgb: np.ndarray) -> np.ndarray:
    y, x = ((side - SIDE) // 2 for side in rgb.shape[:2])
    return rgb[y : y + SIDE, x : x + SIDE]


def _even(rgb: np.ndarray) -> np.ndarray:
    """4:2:0 needs even sides."""
    height, width = (side - side % 2 for side in rgb.shape[:2])
    return rgb[:height, :width]


if __name__ == "__main__":
    sys.exit(main())
