# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of the OFDM waveform, and the presets that go by a name (`--profile`)."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from percast.settings import Settings, setting


@dataclass(frozen=True)
class Profile:
    """Everything that transmitter and receiver must agree on.

    A packet is: short part (periodic, for detection and carrier offset), long part (guard and
    two equal training symbols), header symbols, payload symbols; each of the last two with a
    cyclic prefix. Carriers are numbered from -fft_size/2; carrier 0 (DC) stays empty.

    Args:
        name: what `--profile` calls it.
        samp_rate: default sample rate in samples/s; `--samp-rate` overrides it.
        cp_len: cyclic prefix in samples; a channel longer than this is warned about.
        fft_size: number of carriers N.
        data_carriers: carriers that hold data, split evenly about DC.
        pilots: positive pilot carriers; each has its mirror image at the negative carrier.
        short_period: period of the short part in samples; the carrier offset that can be
            acquired is +- samp_rate / (2 * short_period).
        short_repeats: how many periods the short part has.
        header_symbols: OFDM symbols over which the coded header is repeated.
        max_payload_symbols: OFDM symbols of payload in one packet. Bounds how long one channel
            estimate has to last.
    """

    name: str
    samp_rate: float
    cp_len: int = 32
    fft_size: int = 256
    data_carriers: int = 192
    pilots: tuple[int, ...] = (13, 38, 63, 88)
    short_period: int = 8
    short_repeats: int = 80
    header_symbols: int = 12
    max_payload_symbols: int = 64

    @cached_property
    def occupied(self) -> np.ndarray:
        """Carrier numbers that are sent, ascending, int [n_occupied]."""
        half = self.data_carriers // 2 + len(self.pilots)
        return np.concatenate([np.arange(-half, 0), np.arange(1, half + 1)])

    @cached_property
    def pilot_index(self) -> np.ndarray:
        """Where the pilots stand in `occupied`, int [n_pilots]."""
        return np.flatnonzero(np.isin(np.abs(self.occupied), self.pilots))

    @cached_property
    def data_index(self) -> np.ndarray:
        """Where the data carriers stand in `occupied`, int [data_carriers]."""
        return np.flatnonzero(~np.isin(np.abs(self.occupied), self.pilots))

    @cached_property
    def carrier_order(self) -> np.ndarray:
        """Puts [data carriers, pilots] into the order of `occupied`, int [n_occupied]."""
        return np.argsort(np.concatenate([self.data_index, self.pilot_index]))

    @property
    def symbol_len(self) -> int:
        """Samples of one OFDM symbol with its prefix."""
        return self.fft_size + self.cp_len

    @property
    def short_len(self) -> int:
        return self.short_period * self.short_repeats

    @property
    def long_guard(self) -> int:
        """Samples of cyclic prefix before the two training symbols."""
        return 2 * self.cp_len

    @property
    def preamble_len(self) -> int:
        return self.short_len + self.long_guard + 2 * self.fft_size

    @property
    def occupied_fraction(self) -> float:
        """Share of the sample band that is sent, N_occupied / N."""
        return len(self.occupied) / self.fft_size

    @property
    def occupied_bandwidth(self) -> float:
        """Hz, from the lowest to the highest carrier that is sent."""
        return (2 * self.occupied[-1] + 1) * self.samp_rate / self.fft_size

    @property
    def max_freq_offset(self) -> float:
        """Largest carrier offset in Hz that the receiver acquires (with a tenth to spare)."""
        return 0.9 * self.samp_rate / (2 * self.short_period)

    def packet_len(self, payload_symbols: int) -> int:
        """Samples of a packet with so many OFDM symbols of payload."""
        return self.preamble_len + (self.header_symbols + payload_symbols) * self.symbol_len


# The prefix covers 16, 8, 9.6 and 4.8 us: TDL-C at 300 ns delay spread lasts 2.6 us.
PRESETS = {
    p.name: p
    for p in (
        Profile("robust-2m", 2e6),
        Profile("standard-4m", 4e6),
        Profile("wide-10m", 10e6, cp_len=96),
        Profile("wide-20m", 20e6, cp_len=96),
    )
}
DEFAULT_PROFILE = "standard-4m"


@dataclass(frozen=True)
class WaveformConfig(Settings):
    """Which waveform both ends use.

    Args:
        profile: name of a preset.
        samp_rate: samples/s; None for the preset's own.
    """

    group = "waveform"

    profile: str = setting(
        DEFAULT_PROFILE, "--profile", f"preset: {', '.join(PRESETS)} (default %(default)s)",
        metavar="NAME", parse=str, choices=tuple(PRESETS),
    )  # fmt: skip
    samp_rate: float | None = setting(
        None, "--samp-rate", "samples/s (default: the profile's)",
        metavar="HZ", least=1e3, most=200e6, unit="samples/s",
    )  # fmt: skip

    def open(self) -> Profile:
        """The preset at that sample rate."""
        preset = PRESETS[self.profile]
        if self.samp_rate is None:
            return preset
        return replace(preset, samp_rate=float(self.samp_rate))


def open_profile(name: str = DEFAULT_PROFILE, samp_rate: float | None = None) -> Profile:
    """The preset of that name, at another sample rate where one is given (samples/s).

    Raises:
        UsageError: unknown name, or a sample rate that no radio has.
    """
    return WaveformConfig(name, samp_rate).open()
