# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast demo`: photographs through a fading channel, and a sheet that shows what arrived."""

import argparse
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import log10
from pathlib import Path

from PIL import Image

from percast.blocks.channel import ChannelConfig
from percast.blocks.channel.capacity import outage_capacity
from percast.blocks.images import fit, parse_size, read_frames
from percast.blocks.images.config import SinkConfig, SourceConfig
from percast.blocks.waveform.profile import open_profile
from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.contract import Picture
from percast.engines.codecs.digital.codec import DoesNotFit
from percast.engines.codecs.digital.schemes import Scheme, scheme_for
from percast.engines.codecs.registry import open_codec
from percast.engines.pictures import decode_picture
from percast.errors import FileError
from percast.tools import report
from percast.tools.figures.contact_sheet import Cell, draw
from percast.tools.loopback_run import LoopbackConfig, run
from percast.tools.options import add_output_options
from percast.tools.photographs import SHOWN, Photo, photographs
from percast.tools.verbs import loopback

SIZE = "384x256"
ROUNDS = 10
OUTAGE = 0.01  # share of packets that the digital link may lose
CBR = Fraction(1, 48)
CHANNEL = ChannelConfig(
    model="tdl-c", snr_db=10, delay_spread=300e-9, doppler=10, freq_offset=20e3, clock_ppm=20
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default="demo", metavar="DIR", help="folder (default demo)")
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    out = Path(args.out)
    sent, received, digital = out / "sent", out / "received", out / "digital"
    try:
        _clear(sent, received, digital)
        _write_photographs(sent)
    except OSError as error:
        raise FileError(f"cannot write to {out}: {error.strerror}") from error
    wanted = LoopbackConfig(
        SourceConfig(str(sent), frames=ROUNDS * len(photographs())),
        SinkConfig(str(received)),
        channel=CHANNEL,
        code=CodecConfig(cbr=CBR),
    )
    code = loopback.finish(wanted, args.json)
    if code:
        return code
    report.say("the same photographs by HEVC, LDPC and QAM")
    other = replace(
        wanted,
        source=SourceConfig(str(sent), frames=len(photographs())),
        sink=SinkConfig(str(digital)),
        code=_digital_code(),
    )
    run(other, lambda record: None).ending.check()
    sheet = out / "contact_sheet.png"
    try:
        make_sheet(sent, received, digital).save(sheet)
    except OSError as error:
        raise FileError(f"cannot write {sheet}: {error.strerror or error}") from error
    report.say(f"contact sheet: {sheet}")
    return 0


def _write_photographs(folder: Path) -> None:
    size = parse_size(SIZE)
    folder.mkdir(parents=True, exist_ok=True)
    for i, photo in enumerate(photographs()):
        Image.fromarray(fit(photo.rgb, size)).save(folder / _sent_name(i, photo))


def _clear(sent: Path, *arrived: Path) -> None:
    """The demo's own files of last time, by the names it gave them; nothing else is touched."""
    ours = [sent / _sent_name(i, photo) for i, photo in enumerate(photographs())]
    for folder in arrived:
        ours += [folder / record["file"] for record in _last_time(folder) if record["file"]]
        ours.append(folder / "frames.jsonl")
    for path in ours:
        path.unlink(missing_ok=True)


def _last_time(received: Path) -> list[dict]:
    return read_frames(received) if (received / "frames.jsonl").exists() else []


def _sent_name(number: int, photo: Photo) -> str:
    return f"{number}-{photo.name}.png"


@lru_cache(maxsize=1)
def digital_scheme() -> Scheme:
    """The fastest modulation and coding scheme that the demo's channel lets through often enough.

    All but a share `OUTAGE` of the packets have the capacity of AWGN in which the scheme works.
    """
    capacity = outage_capacity(CHANNEL, open_profile(), OUTAGE)
    return scheme_for(10 * log10(2**capacity - 1))


def make_sheet(sent: Path, received: Path, digital: Path) -> Image.Image:
    """The contact sheet of the first round: sent, received, by the digital link."""
    scheme = digital_scheme()
    by_hevc = {record["id"]: record for record in read_frames(digital)}
    rows = []
    for record in read_frames(received)[:SHOWN]:
        original = decode_picture(sent / f"{Path(record['name']).stem}.png")
        arrived = decode_picture(received / record["file"])
        symbols = round(record["cbr"] * original.size)
        raw = f"{Path(record['name']).stem[2:]}, {original.nbytes * 8 // 1000} kbit raw"
        rows.append(
            [
                Cell(original, raw),
                Cell(arrived, f"{symbols} symbols  {_quality(record)}"),
                _digital_cell(digital, by_hevc.get(record["id"]), original),
            ]
        )
    lines = [
        "Fading channel: 3GPP TDL-C, 300 ns delay spread, 10 Hz Doppler; SNR 10 dB; "
        "carrier offset 20 kHz, sample clock 20 ppm off.",
        f"Each photograph gets 1 complex channel symbol per 48 source samples "
        f"({CBR} channel bandwidth ratio).",
        "LPIPS: perceptual distance, lower is better. PSNR: pixel fidelity, higher is better. "
        "HEVC: x265, 5G's LDPC code and QAM, over the same air.",
    ]
    columns = [
        ("Sent", "the photograph"),
        ("Received through percast", "after the channel model, nothing sent twice"),
        (
            "HEVC in the same symbols",
            f"QAM of {scheme.information:.2f} bit/symbol, to arrive {1 - OUTAGE:.0%} of the time",
        ),
    ]
    return draw("percast: photographs over OFDM radio", lines, columns, rows)


def _digital_code() -> CodecConfig:
    return CodecConfig("hevc-ldpc", cbr=CBR, mcs=str(digital_scheme().index))


def _digital_cell(folder: Path, record: dict | None, original: Picture) -> Cell:
    if record is not None and record["file"] is not None:
        symbols = round(record["cbr"] * original.size)
        arrived = decode_picture(folder / record["file"])
        return Cell(arrived, f"{symbols} symbols  {_quality(record)}")
    code = _digital_code()
    try:
        with open_codec(code.codec, code, ("encode",)) as codec:
            codec.encode(original)
    except DoesNotFit:
        return Cell(None, "HEVC does not fit at this rate")
    return Cell(None, "this one was lost")


def _quality(figures: dict) -> str:
    lpips = figures.get("lpips")
    distance = "" if lpips is None else f"LPIPS {lpips:.3f}  "
    return f" {distance}PSNR {figures['psnr_db']:.1f} dB"
