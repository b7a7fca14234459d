# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of docs/waveform.md: `python -m percast.tools.figures.waveform`."""

import argparse
from collections.abc import Iterable
from dataclasses import replace

from percast.blocks.waveform.formats.kinds import KINDS
from percast.blocks.waveform.formats.leakage import emission
from percast.blocks.waveform.profile import DEFAULT_PROFILE, PRESETS, Profile, open_profile
from percast.tools.figures.packets import (
    CHANNELS,
    LARGE,
    SMALL,
    loss,
    overhead,
    sensitivity,
)
from percast.tools.figures.speed import SNR_DB, receiving, repeated, sending
from percast.tools.figures.standards import nr, wifi
from percast.tools.figures.traffic import traffic

PAYLOADS = {
    "256x256, 1/48": SMALL,
    "768x512, 1/48": LARGE,
    "768x512, 1/12": 4 * LARGE,
}
_START_DB = {"short": -0.5, "short-unboosted": 2.0, "long": -3.5, "version-1": -3.5}
_COSTS = ("version-1", "long", "short")  # unboosted ones are as long as these
_LOSS_SYMBOLS = 200_000  # at each SNR
_SPEED_SAMPLES = 1_000_000
_FADES_DB = 9.0  # that a tdl model takes more, about


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default=DEFAULT_PROFILE, choices=PRESETS)
    parser.add_argument("--pictures", type=int, default=300, help="at each SNR")
    parser.add_argument("--rounds", type=int, default=7, help="of each measurement of speed")
    parser.add_argument(
        "--only", choices=("overhead", "spectrum", "sensitivity", "loss", "speed"), default=None
    )
    args = parser.parse_args(argv)
    profile = open_profile(args.profile)
    kinds = [profile.of(name) for name in KINDS]
    if args.only in (None, "overhead"):
        print_overhead()
    if args.only in (None, "spectrum"):
        print_spectrum()
    if args.only in (None, "sensitivity"):
        print_sensitivity(kinds, args.pictures)
    if args.only in (None, "loss"):
        print_loss(kinds)
    if args.only in (None, "speed"):
        print_speed(kinds, args.rounds)


def _row(cells: Iterable[object]) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def _head(*cells: str) -> None:
    print()
    _row(cells)
    _row("---" for _ in cells)


def print_overhead() -> None:
    """Of all presets, kinds and shorter prefixes; of what no header would change; and of others."""
    _head("overhead", "header", *PAYLOADS, "prefix and pilots alone")
    for preset in PRESETS.values():
        for prefix in sorted({preset.cp_len, 32, 64}, reverse=True):
            if prefix > preset.cp_len:
                continue
            p = replace(preset, cp_len=prefix)
            name = p.name if prefix == preset.cp_len else f"{p.name} --prefix {prefix}"
            bare = p.symbol_len * p.occupied_fraction / p.data_carriers - 1
            for kind in _COSTS if prefix == preset.cp_len else ("short",):
                costs = (f"{overhead(p.of(kind), n):.1%}" for n in PAYLOADS.values())
                _row([f"`{name}`", kind, *costs, f"{bare:.1%}"])
    _row(["IEEE 802.11a", "", *(f"{wifi(n):.1%}" for n in PAYLOADS.values()), ""])
    _row(["5G NR downlink", "", *(f"{nr():.1%}" for _ in PAYLOADS), ""])


def print_spectrum() -> None:
    """Of all presets, before and after."""
    _head("spectrum", "edges", "99% of the power in", "beside the band", "density beyond 0.45")
    for preset in PRESETS.values():
        for kind in ("version-1", "short"):
            p = preset.of(kind)
            e = emission(p)
            edges = f"{p.window} samples" if p.window else "none (version 1)"
            width = f"{e.occupied_99_hz / 1e6:.3f} MHz"
            _row([f"`{p.name}`", edges, width, f"{e.adjacent_db:.1f} dB", f"{e.leakage_db:.1f} dB"])


def print_sensitivity(kinds: list[Profile], pictures: int) -> None:
    """SNR at which 99% of pictures arrive."""
    _head("99% arrive from", *CHANNELS)
    for p in kinds:
        cells = []
        for config in CHANNELS.values():
            start = _START_DB[p.header] + (0 if config.model == "awgn" else _FADES_DB)
            cells.append(f"{sensitivity(p, config, pictures, start):g} dB")
        _row([p.header, *cells])


def print_loss(kinds: list[Profile]) -> None:
    """Against the known channel, at 10 and 20 dB."""
    _head("loss at 10 / 20 dB", "symbols", *CHANNELS)
    for p in kinds:
        for symbols in (SMALL, 4 * LARGE):
            cells = []
            for config in CHANNELS.values():
                both = (
                    loss(p, replace(config, snr_db=snr), symbols, max(4, _LOSS_SYMBOLS // symbols))
                    for snr in (10.0, 20.0)
                )
                cells.append(" / ".join(f"{x:.2f}" for x in both))
            _row([p.header, symbols, *cells])


def print_speed(kinds: list[Profile], rounds: int) -> None:
    """Million samples/s of one core."""
    _head("Msamples/s", "symbols", "sent", "received")
    for p in kinds:
        for symbols in (SMALL, 4 * LARGE):
            samples = traffic(p, symbols, _SPEED_SAMPLES, SNR_DB)
            sent = repeated(lambda p=p, n=symbols: sending(p, n), rounds)
            received = repeated(lambda p=p, x=samples: receiving(p, x), rounds)
            _row([p.header, symbols, f"{sent:.1f}", f"{received:.1f}"])


if __name__ == "__main__":
    main()
