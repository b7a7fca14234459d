# SPDX-License-Identifier: GPL-3.0-or-later
"""What the loopback channel does."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from percast.blocks.channel.tdl_tables import PROFILES
from percast.quantity import quantity
from percast.settings import SettingError, Settings, setting

MODELS = ("awgn", "rayleigh", *PROFILES)


def _decibels_or_none(text: str) -> float | None:
    return None if text.lower() == "none" else quantity(text)


def _gain_and_phase(text: str) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) > 2:
        raise argparse.ArgumentTypeError(f"'{text}' is not DB or DB,DEG")
    return quantity(parts[0]), quantity(parts[1]) if len(parts) == 2 else 0.0


@dataclass(frozen=True)
class ChannelConfig(Settings):
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

    group = "channel (loopback)"

    model: str = setting(
        "awgn", "--channel", f"{', '.join(MODELS)} (default %(default)s)",
        metavar="MODEL", parse=str.lower, choices=MODELS,
    )  # fmt: skip
    snr_db: float | None = setting(
        10.0, "--snr", "Es/N0 per occupied subcarrier, mean over the fading; 'none' = no noise "
        "(default %(default)s)",
        metavar="DB", parse=_decibels_or_none, least=-100, most=200,
        unit="dB, or 'none' for no noise",
    )  # fmt: skip
    delay_spread: float = setting(
        300e-9, "--delay-spread", "RMS delay spread of a tdl model (default %(default)g)",
        metavar="S", least=0, most=1e-3, unit="seconds",
    )  # fmt: skip
    doppler: float = setting(
        10.0, "--doppler", "maximum Doppler frequency, 0 = constant (default %(default)g)",
        metavar="HZ", least=0, most=1e6, unit="Hz",
    )  # fmt: skip
    freq_offset: float = setting(
        0.0, "--freq-offset", "carrier offset, as in --freq-offset=-20k (default %(default)g)",
        metavar="HZ", least=-1e9, most=1e9, unit="Hz",
    )  # fmt: skip
    clock_ppm: float = setting(
        0.0, "--clock-ppm", "sample-clock offset, at most 200 (default %(default)g)",
        metavar="P", least=-200, most=200, unit="parts per million",
    )  # fmt: skip
    phase_noise: float = setting(
        0.0, "--phase-noise", "linewidth of the oscillators (default %(default)g)",
        metavar="HZ", least=0, most=1e6, unit="Hz",
    )  # fmt: skip
    iq_gain_db: float = setting(
        0.0, "--iq-imbalance", "gain and phase error of the receiver's Q branch (default 0,0)",
        metavar="DB[,DEG]", parse=_gain_and_phase, fields=("iq_gain_db", "iq_phase_deg"),
        least=-20, most=20, unit="dB of gain",
    )  # fmt: skip
    iq_phase_deg: float = setting(
        0.0, "--iq-imbalance", "", least=-45, most=45, unit="degrees of phase"
    )
    adc_bits: int = setting(
        0, "--adc-bits", "bits of the receiver's converter (default %(default)s = not quantised)",
        metavar="B", parse=int, least=0, most=16, whole=True, unit="bits",
    )  # fmt: skip
    seed: int = setting(
        0, "--seed", "of the channel", metavar="N", parse=int, least=0, most=2**53, whole=True
    )

    def check(self) -> Iterator[SettingError]:
        if self.adc_bits == 1:
            yield SettingError("adc_bits", "must be 2 to 16 bits, or 0 for no converter, not 1")
