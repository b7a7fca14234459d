# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies between encoder and generator in `percast eval`: a law for symbols, or the waveform."""

import argparse
from dataclasses import asdict, replace
from typing import NamedTuple

from percast.blocks.channel import ChannelConfig
from percast.blocks.waveform.profile import DEFAULT_PROFILE, PRESETS, open_profile
from percast.blocks.waveform.transmit import DEFAULT_PAPR_DB
from percast.engines.codecs.contract import CodedImage, Symbols
from percast.engines.evaluation.evaluate import Arrival, Channel
from percast.engines.evaluation.symbol_channel import SymbolChannel
from percast.errors import UsageError
from percast.flowgraphs.numpy_link import LINK_FIGURES, NumpyLink
from percast.quantity import quantity

# Options that only the waveform has, with what they are when not given.
_WAVEFORM_ONLY = {
    "profile": DEFAULT_PROFILE,
    "papr": DEFAULT_PAPR_DB,
    "delay_spread": ChannelConfig.delay_spread,
    "doppler": ChannelConfig.doppler,
    "freq_offset": ChannelConfig.freq_offset,
    "clock_ppm": ChannelConfig.clock_ppm,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("channel")
    group.add_argument(
        "--channel",
        type=str.lower,
        default="awgn",
        metavar="NAME",
        help="awgn (default) or rayleigh; with --waveform tdl-a .. tdl-e too",
    )
    group.add_argument(
        "--erased", type=quantity, metavar="0..1", help="share of symbols that never arrive"
    )
    group.add_argument(
        "--clipping",
        type=quantity,
        metavar="DB",
        help="signal to the transmitter's clipping noise (default: none)",
    )
    group.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the channel (default 0)"
    )
    group.add_argument("--waveform", action="store_true", help="through the whole waveform")
    for flag, metavar, text in (
        ("--papr", "DB", "envelope limit of clip-and-filter, 0 = none"),
        ("--delay-spread", "S", "RMS delay spread of a tdl model"),
        ("--doppler", "HZ", "maximum Doppler frequency"),
        ("--freq-offset", "HZ", "carrier offset"),
        ("--clock-ppm", "P", "sample-clock offset"),
    ):
        default = _WAVEFORM_ONLY[flag[2:].replace("-", "_")]
        text = f"waveform: {text} (default {default:g})"
        group.add_argument(flag, type=quantity, metavar=metavar, help=text)
    group.add_argument("--profile", metavar="NAME", help=f"waveform: {', '.join(PRESETS)}")


class Opened(NamedTuple):
    """A channel, the names of what it notes of each picture, and its settings for the record."""

    send: Channel
    link_figures: tuple[str, ...]
    settings: dict[str, object]


def open_channel(args: argparse.Namespace, snrs: list[float]) -> Opened:
    """The channel that the options describe.

    Raises:
        UsageError: an option, or one of the SNRs (dB), that makes no channel.
    """
    if args.waveform:
        return _open_waveform(args, snrs)
    for name in _WAVEFORM_ONLY:
        if getattr(args, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} needs --waveform")
    for snr in snrs:
        if not -100 <= snr <= 200:
            raise UsageError(f"--snr {snr:g}: must lie in -100 to 200 dB")
    law = SymbolChannel(args.channel, args.erased or 0.0, args.clipping or 0.0, args.seed)

    def send(coded: CodedImage, symbols: Symbols, snr_db: float, picture: int) -> Arrival:
        air = law.air(len(symbols), picture)
        return Arrival(coded, *law.propagate(symbols, snr_db, air), {})

    return Opened(send, (), {"waveform": False, **asdict(law)})


def _open_waveform(args: argparse.Namespace, snrs: list[float]) -> Opened:
    for name in ("erased", "clipping"):
        if getattr(args, name) is not None:
            raise UsageError(
                f"--{name} does not go with --waveform, which loses and clips by itself"
            )
    given = {name: getattr(args, name) for name in _WAVEFORM_ONLY}
    chosen = {name: _WAVEFORM_ONLY[name] if v is None else v for name, v in given.items()}
    settings = {"waveform": True, "seed": args.seed, **chosen}
    papr, profile = chosen.pop("papr"), open_profile(chosen.pop("profile"))
    if papr and not 3 <= papr <= 20:
        raise UsageError(f"--papr {papr:g}: must be 0 (none) or lie between 3 and 20 dB")
    config = ChannelConfig(model=args.channel, seed=args.seed, **chosen)
    for snr in snrs:
        replace(config, snr_db=snr)
    return Opened(NumpyLink(profile, config, papr or None), LINK_FIGURES, settings)
