# SPDX-License-Identifier: GPL-3.0-or-later
"""How much SNR each scheme needs in AWGN, and where each symbol fades by itself.

    python -m percast.engines.codecs.digital.measure > engines/codecs/digital/tables/thresholds.csv

writes the table that `--mcs auto` and `rayleigh` choose by: where one transport block in a hundred
is lost. An hour or two on one core.
"""

import argparse
import sys
from math import log10

import numpy as np

from percast.engines.codecs.digital.modulation import demodulate, modulate
from percast.engines.codecs.digital.schemes import CHANNELS, SCHEMES, THRESHOLD_SYMBOLS
from percast.engines.codecs.digital.transport import Transport

LOST = 0.01  # share of transport blocks at the threshold
_BLOCKS, _ENOUGH = 300, 18  # transport blocks at an SNR; fewer where so many are lost already
_GLANCE, _COARSE_DB, _FINE_DB = 12, 0.4, 0.1


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="measure", description=__doc__.split("\n\n")[0])
    parser.add_argument("--mcs", type=int, nargs="+", default=range(len(SCHEMES)), metavar="N")
    parser.add_argument("--blocks", type=int, default=_BLOCKS, metavar="N", help="at each SNR")
    args = parser.parse_args(argv)
    print(
        f"# SNR (Es/N0) at which {LOST:.0%} of transport blocks of {THRESHOLD_SYMBOLS} symbols, a "
        "256x256 picture at 1/48,\n# are lost, in AWGN and where each symbol fades by itself;\n"
        f"# made by percast.engines.codecs.digital.measure --blocks {args.blocks}"
    )
    channels = tuple(CHANNELS.values())
    print(",".join(("mcs", *(f"{channel}_db" for channel in channels))))
    for index in args.mcs:
        transport = Transport(THRESHOLD_SYMBOLS, SCHEMES[index])
        needs = (threshold(transport, args.blocks, channel) for channel in channels)
        print(index, *(f"{snr_db:.2f}" for snr_db in needs), sep=",", flush=True)
    return 0


def threshold(transport: Transport, blocks: int = _BLOCKS, channel: str = "awgn") -> float:
    """SNR in dB at which `LOST` of the transport blocks are lost.

    From a decibel above the Shannon limit upwards, first in long steps with few blocks, then in
    short ones; between the last two the logarithm of the share is interpolated.
    """
    snr_db = 10 * log10(2**transport.scheme.information - 1) + 1
    while lost(transport, snr_db, _GLANCE, _GLANCE // 3, channel) > 0.25:
        snr_db += _COARSE_DB
    snr_db -= _COARSE_DB
    here = 1.0
    while True:
        before, here = here, lost(transport, snr_db, blocks, _ENOUGH, channel)
        if here <= LOST:
            break
        snr_db += _FINE_DB
    a, b = log10(before), log10(max(here, 0.5 / blocks))
    return snr_db - _FINE_DB * (log10(LOST) - b) / (a - b)


def lost(
    transport: Transport,
    snr_db: float,
    blocks: int,
    enough: int | None = None,
    channel: str = "awgn",
) -> float:
    """Share of transport blocks that do not arrive.

    Args:
        snr_db: Es/N0, mean over the fading.
        blocks: how many are tried.
        enough: no more where so many are lost.
        channel: "awgn" or "rayleigh", see `percast.engines.codecs.digital.schemes.CHANNELS`.
    """
    per_symbol = transport.scheme.bits_per_symbol
    # Of its own for every point, so that each can be made again by itself.
    rng = np.random.default_rng([transport.scheme.index, round(1000 * (snr_db + 100))])
    variance = np.float32(10 ** (-snr_db / 10))
    gains = np.ones(transport.symbols, np.complex64)
    failed = tried = 0
    while tried < blocks and failed < (enough or blocks):
        data = rng.bytes(transport.size)
        noise = np.sqrt(variance) * _normal(rng, transport.symbols)
        if channel == "rayleigh":
            gains = _normal(rng, transport.symbols)
        equalised = modulate(transport.encode(data), per_symbol) + noise / gains
        llr = demodulate(equalised, variance / np.abs(gains) ** 2, per_symbol)
        failed += transport.decode(llr) != data
        tried += 1
    return failed / tried


def _normal(rng: np.random.Generator, count: int) -> np.ndarray:
    """Circular complex Gaussian, of unit variance: complex64 [count]."""
    return np.sqrt(np.float32(0.5)) * rng.standard_normal(2 * count, np.float32).view(np.complex64)


if __name__ == "__main__":
    sys.exit(main())
