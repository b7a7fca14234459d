# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast demo`: photographs through a fading channel, and a sheet that shows what arrived."""

import argparse
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from percast.blocks.channel import ChannelConfig
from percast.blocks.channel.capacity import outage_capacity
from percast.blocks.images import fit, parse_size, read_frames
from percast.blocks.images.config import SinkConfig, SourceConfig
from percast.blocks.stats.scoring import Scorer
from percast.blocks.waveform.profile import open_profile
from percast.engines.codecs.config import CodecConfig
from percast.engines.evaluation.hevc import encode_within
from percast.errors import FileError, UsageError
from percast.tools import report
from percast.tools.contact_sheet import Cell, draw
from percast.tools.options import add_output_options
from percast.tools.verbs import loopback

SIZE = "384x256"
ROUNDS = 10
SHOWN = 4  # those in the public domain, so that the sheet may be shown anywhere
OUTAGE = 0.01  # share of packets that the digital link may lose
CBR = Fraction(1, 48)
CHANNEL = ChannelConfig(
    model="tdl-c", snr_db=10, delay_spread=300e-9, doppler=10, freq_offset=20e3, clock_ppm=20
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default="demo", metavar="DIR", help="folder (default demo)")
    add_output_options(parser)
    parser.set_defaults(main=main)


@dataclass(frozen=True)
class Photo:
    name: str
    rgb: np.ndarray


def photographs() -> list[Photo]:
    """The photographs that scikit-image and scikit-learn carry in their wheels.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    import skimage.data

    try:
        from sklearn.datasets import load_sample_image
    except ImportError as error:
        raise UsageError("the demo's photographs need: pip install 'percast[demo]'") from error
    return [
        Photo("cat", skimage.data.chelsea()),
        Photo("coffee", skimage.data.coffee()),
        Photo("rocket", skimage.data.rocket()),
        Photo("astronaut", skimage.data.astronaut()),
        Photo("china", load_sample_image("china.jpg")),
        Photo("flower", load_sample_image("flower.jpg")),
    ]


def main(args: argparse.Namespace) -> int:
    out = Path(args.out)
    sent, received = out / "sent", out / "received"
    try:
        _clear(sent, received)
        _write_photographs(sent)
    except OSError as error:
        raise FileError(f"cannot write to {out}: {error.strerror}") from error
    wanted = loopback.LoopbackConfig(
        SourceConfig(str(sent), frames=ROUNDS * len(photographs())),
        SinkConfig(str(received)),
        channel=CHANNEL,
        code=CodecConfig(cbr=CBR),
    )
    code = loopback.finish(wanted, args.json)
    if code:
        return code
    sheet = out / "contact_sheet.png"
    try:
        make_sheet(sent, received).save(sheet)
    except OSError as error:
        raise FileError(f"cannot write {sheet}: {error.strerror or error}") from error
    report.say(f"contact sheet: {sheet}")
    return 0


def _write_photographs(folder: Path) -> None:
    size = parse_size(SIZE)
    folder.mkdir(parents=True, exist_ok=True)
    for i, photo in enumerate(photographs()):
        Image.fromarray(fit(photo.rgb, size)).save(folder / _sent_name(i, photo))


def _clear(sent: Path, received: Path) -> None:
    """The demo's own files of last time, by the names it gave them; nothing else is touched."""
    ours = [received / record["file"] for record in _last_time(received)]
    ours += [sent / _sent_name(i, photo) for i, photo in enumerate(photographs())]
    for path in (*ours, received / "frames.jsonl"):
        path.unlink(missing_ok=True)


def _last_time(received: Path) -> list[dict]:
    return read_frames(received) if (received / "frames.jsonl").exists() else []


def _sent_name(number: int, photo: Photo) -> str:
    return f"{number}-{photo.name}.png"


def make_sheet(sent: Path, received: Path) -> Image.Image:
    """The contact sheet of the first round: sent, received, HEVC in the same channel use."""
    scorer = Scorer()
    per_symbol = outage_capacity(CHANNEL, open_profile(), OUTAGE)
    rows = []
    for record in read_frames(received)[:SHOWN]:
        original = _load(sent / f"{Path(record['name']).stem}.png")
        arrived = _load(received / record["file"])
        symbols = round(record["cbr"] * original.size)
        budget = int(symbols * per_symbol)
        rows.append(
            [
                Cell(original, f"{Path(record['name']).stem[2:]}, {original.nbytes * 8 // 1000} kbit raw"),
                Cell(arrived, f"{symbols} symbols  {_quality(record)}"),
                _hevc_cell(original, budget, scorer),
            ]
        )
    lines = [
        "Fading channel: 3GPP TDL-C, 300 ns delay spread, 10 Hz Doppler; SNR 10 dB; "
        "carrier offset 20 kHz, sample clock 20 ppm off.",
        f"Each photograph gets 1 complex channel symbol per 48 source samples "
        f"({CBR} channel bandwidth ratio).",
        "LPIPS: perceptual distance, lower is better. PSNR: pixel fidelity, higher is better. "
        "HEVC: x265 with a perfect channel code.",
    ]
    columns = [
        ("Sent", "the photograph"),
        ("Received through percast", "after the channel model, nothing sent twice"),
        (
            "HEVC in the same symbols",
            f"{per_symbol:.2f} bit/symbol: the most that arrives {1 - OUTAGE:.0%} of the time",
        ),
    ]
    return draw("percast: photographs over OFDM radio", lines, columns, rows)


def _hevc_cell(original: np.ndarray, budget: int, scorer: Scorer) -> Cell:
    found = encode_within(original, budget)
    if found is None:
        return Cell(None, f"HEVC does not fit into {budget / 1000:.1f} kbit")
    rgb, bits = found
    scorer.remember(0, "", original)
    return Cell(rgb, f"{bits / 1000:.1f} kbit  {_quality(scorer(rgb, {'id': 0}))}")


def _quality(figures: dict) -> str:
    lpips = figures.get("lpips")
    distance = "" if lpips is None else f"LPIPS {lpips:.3f}  "
    return f" {distance}PSNR {figures['psnr_db']:.1f} dB"


def _load(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
