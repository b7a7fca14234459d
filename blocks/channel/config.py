# SPDX-License-Identifier: GPL-3.0-or-later
"""What the loopback channel does, and the command-line options that say so."""

import argparse
import math
import numbers
from dataclasses import dataclass

from percast.blocks.channel.tdl_tables import PROFILES
from percast.errors import UsageError
from percast.quantity import quantity

MODELS = ("awgn", "rayleigh", *PROFILES)


@dataclass(frozen=True)
class ChannelConfig:
    """Parameters of a `Channel`.

    Args:
        model: awgn, rayleigh (flat, one gain a block of 0.1 / doppler s) or tdl-a .. tdl-e.
        snr_db: Es/N0 per occupied subcarrier, averaged over the fading, dB; None = no noise.
        delay_spread: RMS delay spread of a tdl model, s.
        doppler: maximum Doppler frequency, Hz; 0 = a constant channel.
        freq_offset: carrier of the transmitter over that of the receiver, Hz.
        clock_ppm: sample clock of the transmitter over that of the receiver, parts per million.
        phase_noise: full 3-dB linewidth of the oscillators, Hz; 0 = none.
        iq_gain_db, iq_phase_deg: error of the receiver's Q branch.
        adc_bits: bits of the receiver's converter; 0 = not quantised.
        seed: of everything random here.
    """

    model: str = "awgn"
    snr_db: float | None = 10.0
    delay_spread: float = 300e-9
    doppler: float = 10.0
    freq_offset: float = 0.0
    clock_ppm: float = 0.0
    phase_noise: float = 0.0
    iq_gain_db: float = 0.0
    iq_phase_deg: float = 0.0
    adc_bits: int = 0
    seed: int = 0

    def validate(self) -> None:
        """Raise `UsageError`, naming the option, for a value that makes no channel."""
        if self.model not in MODELS:
            raise UsageError(f"--channel {self.model} is unknown; choose from {', '.join(MODELS)}")
        if self.snr_db is not None:
            _check("--snr", self.snr_db, -100, 200, "dB, or 'none' for no noise")
        _check("--delay-spread", self.delay_spread, 0, 1e-3, "seconds")
        _check("--doppler", self.doppler, 0, 1e6, "Hz")
        _check("--freq-offset", self.freq_offset, -1e9, 1e9, "Hz")
        _check("--clock-ppm", self.clock_ppm, -200, 200, "parts per million")
        _check("--phase-noise", self.phase_noise, 0, 1e6, "Hz")
        _check("--iq-imbalance", self.iq_gain_db, -20, 20, "dB of gain")
        _check("--iq-imbalance", self.iq_phase_deg, -45, 45, "degrees of phase")
        if self.adc_bits != 0:
            _check("--adc-bits", self.adc_bits, 2, 16, "bits, or 0 for no converter", whole=True)
        _check("--seed", self.seed, 0, 2**53, "and whole", whole=True)

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add the channel's options to `parser`."""
        group = parser.add_argument_group("channel (loopback)")
        group.add_argument(
            "--channel",
            type=str.lower,
            default=cls.model,
            metavar="MODEL",
            help=f"{', '.join(MODELS)} (default %(default)s)",
        )
        group.add_argument(
            "--snr",
            type=_decibels_or_none,
            default=cls.snr_db,
            metavar="DB",
            help="Es/N0 per occupied subcarrier, mean over the fading; 'none' = no noise "
            "(default %(default)s)",
        )
        for flag, default, unit, text in (
            ("--delay-spread", cls.delay_spread, "S", "RMS delay spread of a tdl model"),
            ("--doppler", cls.doppler, "HZ", "maximum Doppler frequency, 0 = constant"),
            ("--freq-offset", cls.freq_offset, "HZ", "carrier offset, as in --freq-offset=-20k"),
            ("--clock-ppm", cls.clock_ppm, "P", "sample-clock offset, at most 200"),
            ("--phase-noise", cls.phase_noise, "HZ", "linewidth of the oscillators"),
        ):
            text = f"{text} (default {default:g})"
            group.add_argument(flag, type=quantity, default=default, metavar=unit, help=text)
        group.add_argument(
            "--iq-imbalance",
            type=_gain_and_phase,
            default=(cls.iq_gain_db, cls.iq_phase_deg),
            metavar="DB[,DEG]",
            help="gain and phase error of the receiver's Q branch (default 0,0)",
        )
        group.add_argument(
            "--adc-bits",
            type=int,
            default=cls.adc_bits,
            metavar="B",
            help="bits of the receiver's converter (default %(default)s = not quantised)",
        )
        group.add_argument("--seed", type=int, default=cls.seed, metavar="N", help="of the channel")

    @classmethod
    def from_args(cls, args: argparse.Namespace) -> "ChannelConfig":
        """The configuration that parsed options ask for, validated."""
        iq_gain_db, iq_phase_deg = args.iq_imbalance
        config = cls(
            model=args.channel,
            snr_db=args.snr,
            delay_spread=args.delay_spread,
            doppler=args.doppler,
            freq_offset=args.freq_offset,
            clock_ppm=args.clock_ppm,
            phase_noise=args.phase_noise,
            iq_gain_db=iq_gain_db,
            iq_phase_deg=iq_phase_deg,
            adc_bits=args.adc_bits,
            seed=args.seed,
        )
        config.validate()
        return config


def _check(
    flag: str, value: float, lowest: float, highest: float, unit: str, whole: bool = False
) -> None:
    number = isinstance(value, numbers.Real) and math.isfinite(value)
    if not number or not lowest <= value <= highest or (whole and value != int(value)):
        raise UsageError(f"{flag} must be from {lowest:g} to {highest:g} {unit}, not {value}")


def _decibels_or_none(text: str) -> float | None:
    return None if text.lower() == "none" else quantity(text)


def _gain_and_phase(text: str) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) > 2:
        raise argparse.ArgumentTypeError(f"'{text}' is not DB or DB,DEG")
    return quantity(parts[0]), quantity(parts[1]) if len(parts) == 2 else 0.0
