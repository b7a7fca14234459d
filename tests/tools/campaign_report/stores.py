# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores as a campaign writes them, with figures that a law gives: what a report must find is
known."""

import hashlib
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from percast.tools.campaign.store import Done, Store

RATES = ("1/96", "1/48", "1/24")
NEEDS = {"learned": 1.0, "hevc-ldpc": 4.0}
"""Bandwidth of each codec for the same quality, as a multiple of the learned one's."""
COMMAND = "percast campaign run quick --out here.sqlite"


@dataclass(frozen=True)
class Law:
    """How figures come about.

    Args:
        pictures: how many.
        snrs: levels.
        airs: (channel, delay spread, Doppler); each Hz of the last costs some LPIPS.
        repeats: of everything.
        better: subtracted from every LPIPS.
        cliff_db: the digital codec loses everything below.
        seed: of the scatter.
        bare: symbols without a waveform, of which nothing is measured.
        kept: whether received pictures are.
        metrics: that are measured; MS-SSIM and LPIPS-VGG never are.
        spoken: makes names of pictures.
        rates: of every codec.
        size: of pictures, (W, H).
    """

    pictures: int = 12
    snrs: tuple[float, ...] = (4.0, 10.0)
    airs: tuple[tuple[str, float | None, float | None], ...] = (("awgn", None, None),)
    repeats: int = 1
    better: float = 0.0
    cliff_db: float = -math.inf
    seed: int = 0
    bare: bool = False
    kept: bool = True
    metrics: tuple[str, ...] = ("lpips", "psnr_db")
    spoken: str = "photo{:02}.png"
    rates: tuple[str, ...] = RATES
    size: tuple[int, int] = (192, 192)

    def lpips(self, codec: str, rate: float, snr_db: float, hardness: float) -> float:
        """Falls with the logarithm of the rate, so that equal quality is at a known ratio."""
        return hardness * (0.2 - 0.05 * math.log(48 * rate / NEEDS[codec]) - 0.004 * snr_db)


def make_store(path: Path, law: Law) -> Path:
    """A finished campaign under a law."""
    rng = np.random.default_rng(law.seed)
    width, height = law.size
    images = [_photo(number, width, height) for number in range(law.pictures)]
    hardness = np.exp(np.random.default_rng(99).normal(0, 0.25, law.pictures))
    shas = [hashlib.sha256(image).hexdigest() for image in images]
    pictures = [
        {"sha256": sha, "number": n, "name": law.spoken.format(n), "width": width,
         "height": height, "image": image}
        for n, (sha, image) in enumerate(zip(shas, images, strict=True))
    ]  # fmt: skip
    conditions = [
        {"condition": n, "codec": codec, "model": "base" if codec == "learned" else codec,
         "cbr": rate, "design_snr_db": 10.0, "channel": channel, "delay_spread_s": spread,
         "doppler_hz": doppler, "snr_db_set": snr, "gain_db": None,
         "settings": json.dumps({"codec": {"codec": codec}, "channel": {"model": channel}})}
        for n, (codec, rate, snr, (channel, spread, doppler)) in enumerate(
            ((c, r, s, a) for c in NEEDS for r in law.rates for s in law.snrs for a in law.airs), 1)
    ]  # fmt: skip
    shots = [
        {"shot": 0, "seq": 0, "picture": sha, "number": number, "repeat": repeat,
         "condition": c["condition"], "seed": repeat}
        for repeat in range(law.repeats) for number, sha in enumerate(shas) for c in conditions
    ]  # fmt: skip
    for number, shot in enumerate(shots, 1):
        shot |= {"shot": number, "seq": number - 1}
    cells = [{"cell": s["shot"], "shot": s["shot"], "realism": 1.0} for s in shots]
    frozen = {
        "plan": {"name": "quick", "toml": "[campaign]\nnote = 'here'\n", "parsed": {}},
        "percast_version": "0.1.0",
        "commit": {"sha": "0123456789abcdef", "changed": []},
        "command": COMMAND,
        "seeds": {"campaign": law.seed},
    }
    with Store.open(path, create=True) as store:
        store._db.execute("PRAGMA synchronous = OFF")  # nothing is lost if the power goes
        store.lay_out(pictures, conditions, shots, cells, **frozen)
        for shot in shots:
            condition = conditions[shot["condition"] - 1]
            place = shas.index(shot["picture"])
            store.done(_done(law, shot, condition, images[place], hardness[place], rng))
    return path


def _done(law: Law, shot: dict, condition: dict, image: bytes, hard: float, rng) -> Done:
    snr, codec = condition["snr_db_set"], condition["codec"]
    rate = 1 / int(condition["cbr"].partition("/")[2])
    lost = codec != "learned" and snr < law.cliff_db
    lpips = float(law.lpips(codec, rate, snr, hard) - law.better + 0.002 * rng.normal())
    lpips += 1e-4 * (condition["doppler_hz"] or 0.0)
    at = 1.75e9 + 0.5 * shot["seq"]
    symbols = int(3 * law.size[0] * law.size[1] * rate)
    arrival = {
        "received": 1, "error": None, "cbr_sent": rate, "overhead": 0.5, "symbols": symbols,
        "erased": 3 if lost else 0, "snr_db_measured": snr - 0.15 + 0.1 * rng.normal(),
        "evm_db": -snr, "freq_offset_hz": 20.0 * rng.normal(), "clock_ppm": 2.0, "encode_s": 0.02,
        "air_s": 0.1, "sent_at": at, "received_at": at + 0.2, "attempts": 1, "worker": None,
        "gain_db_took": None,
    }  # fmt: skip
    if law.bare:
        of_waveform = (
            "snr_db_measured",
            "evm_db",
            "freq_offset_hz",
            "clock_ppm",
            "air_s",
            "overhead",
        )
        arrival |= dict.fromkeys(of_waveform)
    figures = {
        "lpips": lpips,
        "dists": lpips / 2,
        "psnr_db": 26 + 4 * math.log2(48 * rate) + snr / 10,
    }
    known = {name: figures[name] for name in law.metrics if not lost}
    decode = {
        "cell": shot["shot"], "realism": 1.0, "model": condition["model"], "undecodable": int(lost),
        "error": None, "decode_s": 0.03 + 0.01 * rng.random(),
        "psnr_db": known.get("psnr_db"), "ms_ssim": None, "lpips": known.get("lpips"),
        "lpips_vgg": None, "dists": known.get("dists"),
        "image": None if lost or not law.kept else _blurred(image, 8 * lpips),
    }  # fmt: skip
    return Done(shot["shot"], arrival, [decode])


def _photo(number: int, width: int, height: int) -> bytes:
    """A hill under a sky, each one another."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[0:height, 0:width] / height
    hill = 0.5 + 0.2 * np.sin(4 * x + number) + 0.05 * np.sin(23 * x)
    sky = np.stack([0.5 + 0.3 * y, 0.65 + 0.2 * y, 0.95 + 0 * y], -1)
    grass = np.array([0.25, 0.45, 0.2]) * (0.6 + 0.5 * rng.random((height, width, 1)))
    rgb = np.where((y < hill)[..., None], sky, grass)
    return _png(Image.fromarray((255 * rgb.clip(0, 1)).astype(np.uint8)))


def _blurred(image: bytes, radius: float) -> bytes:
    from PIL import ImageFilter

    from percast.engines.pictures import decode_picture

    rgb = Image.fromarray(decode_picture(io.BytesIO(image)))
    return _png(rgb.filter(ImageFilter.GaussianBlur(float(max(radius, 0)))))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
