# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of the OFDM waveform, and the presets that go by a name (`--profile`)."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from percast.blocks.waveform.formats.kinds import AUTO, KINDS, SENT, SHORT, Kind, kind_for
from percast.settings import Settings, setting


@dataclass(frozen=True)
class Profile:
    """Everything that transmitter and receiver must agree on.

    A packet is: short part (periodic, for detection and carrier offset), long part (guard and
    one or two equal training symbols), header symbols, payload symbols; each of the last two with a
    cyclic prefix. Carriers are numbered from -fft_size/2; carrier 0 (DC) stays empty.

    Args:
        name: what `--profile` calls it.
        samp_rate: default sample rate in samples/s; `--samp-rate` overrides it.
        cp_len: cyclic prefix in samples; a channel too long for it is warned about
            (`channel.limits`).
        fft_size: number of carriers N.
        data_carriers: carriers that hold data, split evenly about DC.
        pilots: positive pilot carriers; each has its mirror image at the negative carrier.
        short_period: period of the short part in samples; the carrier offset that can be
            acquired is +- samp_rate / (2 * short_period).
        longest_payload: OFDM symbols of payload in a packet behind a short header. Bounds how
            long two channel estimates have to last.
        header: kind of packet that is sent, by `formats.kinds`; `auto` goes by the design SNR.
            Receivers know all kinds; what depends on it (lengths) is the short kind's for `auto`.
    """

    name: str
    samp_rate: float
    cp_len: int = 32
    fft_size: int = 256
    data_carriers: int = 192
    pilots: tuple[int, ...] = (13, 38, 63, 88)
    short_period: int = 8
    longest_payload: int = 256
    header: str = AUTO

    @cached_property
    def kind(self) -> Kind:
        """What is sent; the short kind for `auto`."""
        return KINDS[SHORT.name if self.header == AUTO else self.header]

    def of(self, header: str) -> "Profile":
        """The same with packets of that kind, by its name."""
        return _of(self, header)

    def towards(self, design_snr_db: float) -> "Profile":
        """The same with packets of the kind that goes to a link of that SNR."""
        return self.of(kind_for(design_snr_db)) if self.header == AUTO else self

    @property
    def training_symbols(self) -> int:
        """Equal training symbols before the header, without a prefix between them."""
        return self.kind.training_symbols

    @property
    def header_symbols(self) -> int:
        """OFDM symbols over which the coded header is spread."""
        return self.kind.header_symbols

    @property
    def head_amplitude(self) -> float:
        """Of all that comes before the payload, whose own is 1."""
        return 10 ** (self.kind.boost_db / 20)

    @property
    def max_payload_symbols(self) -> int:
        """OFDM symbols of payload in the longest packets of this kind."""
        return self.longest_payload if self.kind.long_packets else self.kind.payload_symbols

    @property
    def window(self) -> int:
        """Samples at the edges of OFDM symbols over which one fades into the next."""
        return min(self.kind.window, self.cp_len * 5 // 16)

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
        return self.short_period * self.kind.short_repeats

    @property
    def long_guard(self) -> int:
        """Samples of cyclic prefix before the training symbols."""
        return self.kind.guard_prefixes * self.cp_len

    @property
    def preamble_len(self) -> int:
        return self.short_len + self.long_guard + self.training_symbols * self.fft_size

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

    def reference(self, payload_symbols: int) -> int | None:
        """Before which of its OFDM symbols of payload a packet has a reference symbol, the
        channel's second estimate; None for none."""
        if payload_symbols <= self.kind.payload_symbols:
            return None
        return payload_symbols * 7 // 8

    def body_symbols(self, payload_symbols: int) -> int:
        """OFDM symbols of a packet behind its header, for so many of payload."""
        return payload_symbols + (self.reference(payload_symbols) is not None)

    def packet_len(self, payload_symbols: int) -> int:
        """Samples of a packet with so many OFDM symbols of payload."""
        symbols = self.header_symbols + self.body_symbols(payload_symbols)
        return self.preamble_len + symbols * self.symbol_len + self.window


@lru_cache(maxsize=64)
def _of(profile: Profile, header: str) -> Profile:
    return replace(profile, header=header)


# The prefix covers 16, 8, 9.6 and 4.8 us: TDL-C at 300 ns delay spread lasts 2.6 us.
PRESETS = {
    p.name: p
    for p in (
        Profile("robust-2m", 2e6, longest_payload=128),
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
        header: how strong the sender makes headers.
        cp_len: samples of cyclic prefix; None for the preset's own.
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
    header: str = setting(
        AUTO, "--header",
        "what the sender makes headers for: short from -1 dB on, long from -4 dB on, auto by "
        "--design-snr: short from 10 dB on (default %(default)s)",
        metavar="KIND", parse=str, choices=SENT,
    )  # fmt: skip
    cp_len: int | None = setting(
        None, "--prefix",
        "samples of cyclic prefix, the same at both ends (default: the profile's)",
        metavar="SAMPLES", parse=int, whole=True, least=16, most=128, unit="samples",
    )  # fmt: skip

    def open(self) -> Profile:
        """The preset with what is asked for."""
        preset = PRESETS[self.profile]
        return replace(
            preset,
            samp_rate=preset.samp_rate if self.samp_rate is None else float(self.samp_rate),
            cp_len=preset.cp_len if self.cp_len is None else self.cp_len,
            header=self.header,
        )


def open_profile(name: str = DEFAULT_PROFILE, samp_rate: float | None = None) -> Profile:
    """The preset of that name, at another sample rate where one is given (samples/s).

    Raises:
        UsageError: unknown name, or a sample rate that no radio has.
    """
    return WaveformConfig(name, samp_rate).open()
