# SPDX-License-Identifier: GPL-3.0-or-later
"""One picture through one link: encoded, sent, decoded at every realism, and compared.

`percast eval` and campaigns measure by this, so that their figures are the same.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from percast.engines.codecs.contract import (
    Codec,
    CodedImage,
    NoiseVariance,
    Picture,
    Symbols,
    Undecodable,
)
from percast.engines.metrics import Dists, Lpips, LpipsVgg, ms_ssim, psnr

METRICS = {
    "psnr": "psnr_db",
    "ms-ssim": "ms_ssim",
    "lpips": "lpips",
    "lpips-vgg": "lpips_vgg",
    "dists": "dists",
}
"""Of one picture: what the command line calls them -> what the results do."""

_DEEP = {"lpips": Lpips, "lpips-vgg": LpipsVgg, "dists": Dists}

Metric = Callable[[Picture, Picture], float | None]


class Arrival(NamedTuple):
    """What a channel gave out of one picture.

    Attributes:
        coded: as the receiver knows it.
        symbols: complex64 [n], equalised; 0 where none arrived.
        noise_var: float32 [n]; infinite where none arrived.
        link: what else is to be written down: name -> number.
    """

    coded: CodedImage
    symbols: Symbols
    noise_var: NoiseVariance
    link: Mapping[str, float]


Channel = Callable[[CodedImage, Symbols, float, int], Arrival | None]
"""(coded, symbols, SNR in dB, number of the picture) -> what arrived, None if nothing did."""


@dataclass(frozen=True)
class Sent:
    """An encoded picture, and how long that took (wall time)."""

    coded: CodedImage
    symbols: Symbols
    encode_ms: float


@dataclass(frozen=True)
class Outcome:
    """What was made of an arrival at one realism.

    Attributes:
        realism: that it was decoded at; None left it to the sender.
        picture: None where nothing arrived, or too little.
        undecodable: True where too little arrived for the codec.
        figures: by the names of `METRICS`' values; None where one cannot be had.
        decode_ms: wall time; None where nothing arrived.
    """

    realism: float | None
    picture: Picture | None
    undecodable: bool
    figures: Mapping[str, float | None]
    decode_ms: float | None


def open_metrics(names: Sequence[str], threads: int) -> dict[str, Metric]:
    """Metrics of one picture that can be computed here.

    Args:
        names: of `METRICS`; others, such as "fid" which is of a set, are passed over.
        threads: to compute with.

    Returns:
        By the names of `METRICS`' values.

    Raises:
        ModelError: damaged weights, or no OpenVINO.
    """
    metrics: dict[str, Metric] = {}
    for name in names:
        if name == "psnr":
            metrics["psnr_db"] = psnr
        elif name == "ms-ssim":
            metrics["ms_ssim"] = ms_ssim
        elif name in _DEEP and (metric := _DEEP[name].open(threads)):
            metrics[METRICS[name]] = metric
    return metrics


def encode(codec: Codec, original: Picture) -> Sent:
    """Encodes and takes the time.

    Raises:
        CodecFault: the picture does not fit into the symbols, or the codec made a mistake.
        ModelError: an engine failed.
    """
    start = time.perf_counter()
    coded, symbols = codec.encode(original)
    return Sent(coded, symbols, _milliseconds(start))


def decode(
    codec: Codec,
    arrival: Arrival | None,
    realism: float | None,
    original: Picture,
    metrics: Mapping[str, Metric],
) -> Outcome:
    """Decodes what arrived, and compares it with the original.

    Raises:
        CodecFault: the codec made a mistake.
        ModelError: an engine failed.
    """
    figures: dict[str, float | None] = dict.fromkeys(metrics)
    if arrival is None:
        return Outcome(realism, None, False, figures, None)
    start = time.perf_counter()
    try:
        picture = codec.decode(arrival.coded, arrival.symbols, arrival.noise_var, realism)
    except Undecodable:
        return Outcome(realism, None, True, figures, _milliseconds(start))
    took = _milliseconds(start)
    figures = {key: metric(original, picture) for key, metric in metrics.items()}
    return Outcome(realism, picture, False, figures, took)


def _milliseconds(start: float) -> float:
    return 1e3 * (time.perf_counter() - start)
