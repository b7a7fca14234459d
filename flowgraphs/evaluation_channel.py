# SPDX-License-Identifier: GPL-3.0-or-later
"""Between encoder and generator where codecs are scored: a law for symbols, or the waveform."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import NamedTuple

from percast.blocks.channel import ChannelConfig
from percast.blocks.waveform.profile import PRESETS, WaveformConfig
from percast.engines.codecs.contract import CodedImage, Symbols
from percast.engines.evaluation.evaluate import Arrival, Channel
from percast.engines.evaluation.symbol_channel import FADING, SymbolChannel
from percast.flowgraphs.config import TransmitterConfig, papr_problems
from percast.flowgraphs.numpy_link import LINK_FIGURES, NumpyLink
from percast.settings import SettingError, Settings, like, setting

_OF_CHANNEL = ("delay_spread", "doppler", "freq_offset", "clock_ppm")
_OF_WAVEFORM = ("profile", "papr_db", *_OF_CHANNEL)
_OF_SYMBOLS = ("erased", "clipping_db")


class Opened(NamedTuple):
    """A channel, the names of what it notes of each picture, and its settings for the record."""

    send: Channel
    link_figures: tuple[str, ...]
    settings: dict[str, object]


@dataclass(frozen=True)
class AirConfig(Settings):
    """Both kinds of channel; None where a setting was not given.

    Args:
        model: awgn or rayleigh; with the waveform any of `ChannelConfig`.
        erased, clipping_db: of symbols; see `SymbolChannel`.
        seed: of everything random here.
        waveform: pictures go through the whole waveform, not as bare symbols.
        papr_db: of the waveform, as the rest; see `TransmitterConfig`.
        delay_spread, doppler, freq_offset, clock_ppm: see `ChannelConfig`.
        profile: name of a preset.
    """

    group = "channel"

    model: str = like(
        ChannelConfig, "model", "awgn",
        "awgn (default) or rayleigh; with --waveform tdl-a .. tdl-e too",
    )  # fmt: skip
    erased: float | None = like(SymbolChannel, "erased", None, "share of symbols that never arrive")
    clipping_db: float | None = like(
        SymbolChannel, "clipping_db", None,
        "signal to the transmitter's clipping noise (default: none)",
    )  # fmt: skip
    seed: int = like(SymbolChannel, "seed", 0, "of the channel (default %(default)s)")
    waveform: bool = setting(False, "--waveform", "through the whole waveform")
    papr_db: float | None = like(
        TransmitterConfig, "papr_db", None,
        "waveform: envelope limit of clip-and-filter, 0 = none "
        f"(default {TransmitterConfig.papr_db:g})",
    )  # fmt: skip
    delay_spread: float | None = like(
        ChannelConfig, "delay_spread", None,
        f"waveform: RMS delay spread of a tdl model (default {ChannelConfig.delay_spread:g})",
    )  # fmt: skip
    doppler: float | None = like(
        ChannelConfig, "doppler", None,
        f"waveform: maximum Doppler frequency (default {ChannelConfig.doppler:g})",
    )  # fmt: skip
    freq_offset: float | None = like(
        ChannelConfig, "freq_offset", None,
        f"waveform: carrier offset (default {ChannelConfig.freq_offset:g})",
    )  # fmt: skip
    clock_ppm: float | None = like(
        ChannelConfig, "clock_ppm", None,
        f"waveform: sample-clock offset (default {ChannelConfig.clock_ppm:g})",
    )  # fmt: skip
    profile: str | None = like(WaveformConfig, "profile", None, f"waveform: {', '.join(PRESETS)}")

    def check(self) -> Iterator[SettingError]:
        if self.waveform:
            for name in _OF_SYMBOLS:
                if getattr(self, name) is not None:
                    reason = "does not go with --waveform, which loses and clips by itself"
                    yield SettingError(name, reason)
        else:
            for name in _OF_WAVEFORM:
                if getattr(self, name) is not None:
                    yield SettingError(name, "needs --waveform")
            if self.model not in FADING:
                reason = f"{self.model} needs --waveform: symbols go through {' or '.join(FADING)}"
                yield SettingError("model", reason)
        yield from papr_problems(self.papr_db)

    def open(self) -> Opened:
        """The channel."""
        given = {name: v for name in _OF_CHANNEL if (v := getattr(self, name)) is not None}
        config = ChannelConfig(model=self.model, seed=self.seed, **given)
        return self._open_waveform(config) if self.waveform else self._open_symbols()

    def _open_symbols(self) -> Opened:
        law = SymbolChannel(self.model, self.erased or 0.0, self.clipping_db or 0.0, self.seed)

        def send(coded: CodedImage, symbols: Symbols, snr_db: float, picture: int) -> Arrival:
            air = law.air(len(symbols), picture)
            return Arrival(coded, *law.propagate(symbols, snr_db, air), {})

        return Opened(send, (), {"waveform": False, **asdict(law)})

    def _open_waveform(self, config: ChannelConfig) -> Opened:
        papr = TransmitterConfig.papr_db if self.papr_db is None else self.papr_db
        profile = WaveformConfig(self.profile or WaveformConfig.profile).open()
        settings = {"waveform": True, "seed": self.seed, "profile": profile.name, "papr": papr}
        settings |= {name: getattr(config, name) for name in _OF_CHANNEL}
        return Opened(NumpyLink(profile, config, papr or None), LINK_FIGURES, settings)
