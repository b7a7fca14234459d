# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of a plan: one dataclass each, which says what its keys may be."""

import argparse
import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction

from percast.blocks.channel import ChannelConfig
from percast.blocks.images.config import SourceConfig
from percast.blocks.recordings.config import RecordingConfig
from percast.blocks.recordings.reader import META, RAW
from percast.blocks.waveform.profile import DEFAULT_PROFILE, PRESETS, WaveformConfig
from percast.engines.codecs.config import CodecConfig, parse_cbr
from percast.engines.evaluation.measure import METRICS
from percast.flowgraphs.config import TransmitterConfig, papr_problems
from percast.flowgraphs.evaluation_channel import AirConfig
from percast.quantity import quantity
from percast.settings import REQUIRED, SettingError, Settings, like, list_of, setting

SIMULATION, RECORDING, AIR = MEDIA = ("simulation", "recording", "air")
_RECORDED = (META, *RAW)
DEMO = "demo"
"""As a source: the photographs of `percast demo`."""


def _yes(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"'{text}' is neither true nor false")
    return text.lower() == "true"


@dataclass(frozen=True)
class CampaignSection(Settings):
    """[campaign].

    Args:
        medium: one of `MEDIA`.
        note: the operator's.
        repeats: of everything.
        seed: of channels and of the order.
        metrics: names of `percast.engines.evaluation.measure.METRICS`.
        pictures, symbols: whether received pictures and equalised symbols are kept.
    """

    group = "campaign"

    medium: str = setting(
        SIMULATION, "--medium", f"{', '.join(MEDIA)}", parse=str.lower, choices=MEDIA
    )
    note: str = setting("", "--note", "the operator's", parse=str)
    repeats: int = setting(
        1, "--repeats", "of every condition", parse=int, least=1, most=10_000, whole=True
    )
    seed: int = like(ChannelConfig, "seed", 0, "of channels and order", most=2**31)
    metrics: tuple[str, ...] = setting(
        tuple(METRICS), "--metrics", f"of {', '.join(METRICS)}",
        parse=list_of(str.strip), choices=tuple(METRICS),
    )  # fmt: skip
    pictures: bool = setting(True, "--keep-pictures", "keep received pictures", parse=_yes)
    symbols: bool = setting(True, "--keep-symbols", "keep equalised symbols", parse=_yes)


@dataclass(frozen=True)
class PicturesSection(SourceConfig):
    """[pictures]: those that are sent; `DEMO` is a source, too.

    Args:
        frames: only the first so many.
    """

    frames: int | None = setting(
        None, "--frames", "only the first N pictures", parse=int, least=1, whole=True
    )


@dataclass(frozen=True)
class ConditionsSection(Settings):
    """[conditions]: every combination of the lists, for every codec and channel.

    Args:
        cbrs: nominal bandwidth ratios, where a codec has no list of its own.
        snrs_db: of the channel; on the air, what gains are calibrated for.
        gains_db: of the transmitter, in place of SNRs.
        realisms: at the receiver.
        design_snr_db: to encode for; None encodes for the SNR of the condition, as far as the codec
            can.
    """

    group = "conditions"

    cbrs: tuple[Fraction, ...] = setting(
        (Fraction(1, 48),), "--cbr", "channel bandwidth ratios", parse=list_of(parse_cbr)
    )
    snrs_db: tuple[float, ...] = like(
        ChannelConfig, "snr_db", (), "dB", parse=list_of(quantity), unit="dB"
    )
    gains_db: tuple[float, ...] = setting(
        (), "--gain", "of the transmitter, dB", parse=list_of(quantity),
        least=-100, most=200, unit="dB",
    )  # fmt: skip
    realisms: tuple[float, ...] = like(
        CodecConfig, "realism", (1.0,), "0..1", parse=list_of(quantity)
    )
    design_snr_db: float | None = like(CodecConfig, "design_snr_db", None, "SNR to encode for")


@dataclass(frozen=True)
class CodecSection(CodecConfig):
    """[[codec]]: one of those that are compared; see `CodecConfig`.

    Args:
        cbrs: in place of those of the conditions.
        channels: models of the simulated channels that it is measured over; () for all.
        threads: 1, for simulated cells run side by side.
    """

    cbrs: tuple[Fraction, ...] = setting(
        (), "--cbr", "channel bandwidth ratios of this codec", parse=list_of(parse_cbr)
    )
    channels: tuple[str, ...] = setting(
        (), "--channel", "channels that this codec is measured over", parse=list_of(str)
    )
    cbr: Fraction = CodecConfig.cbr
    design_snr_db: float = CodecConfig.design_snr_db
    realism: float | None = None
    threads: int = like(CodecConfig, "threads", 1, "threads per engine")

    def is_for(self, models: Collection[str]) -> bool:
        """Whether it is measured over one of these channels."""
        return not self.channels or any(model in models for model in self.channels)

    def config(self) -> CodecConfig:
        """To open it."""
        return CodecConfig(**{f.name: getattr(self, f.name) for f in fields(CodecConfig)})


@dataclass(frozen=True)
class ChannelSection(Settings):
    """[[channel]]: one that is simulated; lists of delay spreads and of Dopplers give one for each
    combination. See `AirConfig`.

    Args:
        waveform: pictures go through the whole waveform, not as bare symbols.
    """

    group = "channel"

    model: str = like(ChannelConfig, "model", "awgn", "model")
    waveform: bool = setting(True, "--waveform", "through the whole waveform", parse=_yes)
    delay_spreads: tuple[float, ...] = like(
        ChannelConfig, "delay_spread", (), "RMS delay spread", parse=list_of(quantity)
    )
    dopplers: tuple[float, ...] = like(
        ChannelConfig, "doppler", (), "maximum Doppler frequency", parse=list_of(quantity)
    )
    freq_offset: float | None = like(AirConfig, "freq_offset", None, "carrier offset")
    clock_ppm: float | None = like(AirConfig, "clock_ppm", None, "sample-clock offset")
    profile: str | None = like(WaveformConfig, "profile", None, f"of {', '.join(PRESETS)}")
    papr_db: float | None = like(AirConfig, "papr_db", None, "envelope limit")
    erased: float | None = like(AirConfig, "erased", None, "share of symbols that never arrive")
    clipping_db: float | None = like(AirConfig, "clipping_db", None, "clipping noise")

    def check(self) -> Iterator[SettingError]:
        first = {name: (values or (None,))[0] for name, values in self._lists().items()}
        config = object.__new__(AirConfig)
        for field in fields(AirConfig):
            value = first[field.name] if field.name in first else getattr(self, field.name, 0)
            object.__setattr__(config, field.name, value)
        names = {"delay_spread": "delay_spreads", "doppler": "dopplers"}
        for error in config.check():
            yield SettingError(names.get(error.field, error.field), _in_plans(error.reason))

    def _lists(self) -> dict[str, tuple[float, ...]]:
        return {"delay_spread": self.delay_spreads, "doppler": self.dopplers}

    def each(self, seed: int) -> list[AirConfig]:
        """Every combination."""
        lists = self._lists()
        if self.waveform:  # so that what is written down says them
            lists = {k: v or (getattr(ChannelConfig, k),) for k, v in lists.items()}
            if self.model in ("awgn", "rayleigh"):
                lists["delay_spread"] = (None,)
            if self.model == "awgn":
                lists["doppler"] = (None,)
        same = {
            field.name: getattr(self, field.name)
            for field in fields(AirConfig)
            if field.name not in (*lists, "seed")
        }
        combinations = itertools.product(*(values or (None,) for values in lists.values()))
        return [
            AirConfig(**same, **dict(zip(lists, values, strict=True)), seed=seed)
            for values in combinations
        ]


def _in_plans(reason: str) -> str:
    return reason.replace(
        "does not go with --waveform", "does not go with waveform = true"
    ).replace("needs --waveform", "needs waveform = true")


@dataclass(frozen=True)
class RecordingSection(Settings):
    """[recording]: what was received, in place of a channel.

    Args:
        path: of the recording.
        profile: its waveform.
    """

    group = "recording"

    path: str = setting(REQUIRED, "--path", "the recording (.sigmf-meta, .cf32, ...)", parse=str)
    profile: str = like(WaveformConfig, "profile", DEFAULT_PROFILE, f"of {', '.join(PRESETS)}")
    samp_rate: float | None = like(WaveformConfig, "samp_rate", None, "samples/s")


@dataclass(frozen=True)
class AirSection(Settings):
    """[air]: what both radios have in common.

    Args:
        profile, samp_rate: the waveform.
        tx_level, papr_db, callsign: see `TransmitterConfig`.
        stage: gain stage of the transmitter that gains are set on; None = all together.
        settle: seconds after a change of gain.
        timeout: seconds for a picture to arrive.
        patience: seconds that a lost radio may be away.
        gain_least, gain_most, gain_first: of the calibration, dB.
        tolerance: of the calibration, dB of SNR.
        calibrate_every: minutes between calibrations; 0 = only at the start.
        record, record_format: what the receiver hears, see `RecordingConfig`; the time of each
            start comes into the name.
    """

    group = "air"

    profile: str = like(WaveformConfig, "profile", DEFAULT_PROFILE, f"of {', '.join(PRESETS)}")
    samp_rate: float | None = like(WaveformConfig, "samp_rate", None, "samples/s")
    tx_level: float = like(TransmitterConfig, "tx_level", TransmitterConfig.tx_level, "dBFS")
    papr_db: float | None = like(TransmitterConfig, "papr_db", TransmitterConfig.papr_db, "dB")
    callsign: str = like(TransmitterConfig, "callsign", "", "sent in every header")
    stage: str | None = setting(None, "--stage", "gain stage of the transmitter", parse=str)
    settle: float = setting(0.2, "--settle", "after a change of gain", least=0, most=60, unit="s")
    timeout: float = setting(
        5.0, "--timeout", "for a picture to arrive", least=0.1, most=600, unit="s"
    )
    patience: float = setting(600.0, "--patience", "for a lost radio", least=0, most=1e6, unit="s")
    gain_least: float = setting(0.0, "--gain-least", "", least=-100, most=200, unit="dB")
    gain_first: float = setting(20.0, "--gain-first", "", least=-100, most=200, unit="dB")
    gain_most: float = setting(40.0, "--gain-most", "", least=-100, most=200, unit="dB")
    tolerance: float = setting(1.0, "--tolerance", "", least=0.05, most=10, unit="dB of SNR")
    calibrate_every: float = setting(
        0.0, "--calibrate-every", "0 = only at the start", least=0, most=1e5, unit="minutes"
    )

    record: str | None = like(RecordingConfig, "record", None, "what the receiver hears")
    record_format: str | None = like(RecordingConfig, "record_format", None, "of its samples")

    def check(self) -> Iterator[SettingError]:
        yield from papr_problems(self.papr_db)
        if self.record_format and not (self.record or "").lower().endswith(META):
            yield SettingError("record_format", f"{self.record_format} is for recordings *{META}")
        if self.record is not None and not self.record.lower().endswith(_RECORDED):
            yield SettingError("record", f"{self.record}: give a name in {', '.join(_RECORDED)}")
        if not (self.callsign.isascii() and len(self.callsign) <= 10):
            yield SettingError("callsign", f"{self.callsign}: at most 10 ASCII characters")
        if not self.gain_least <= self.gain_first <= self.gain_most:
            yield SettingError("gain_first", "must lie between gain_least and gain_most")


@dataclass(frozen=True)
class EndSection(Settings):
    """[transmitter] and [receiver], beside the keys of `RadioConfig`.

    Args:
        control: address of `percast campaign end` on another machine; None starts one here.
        keys: folder of CURVE keys for it, with the server's public key and our pair.
    """

    group = "end"

    control: str | None = setting(
        None, "--control", "of `percast campaign end`, tcp://HOST:PORT", parse=str
    )
    keys: str | None = setting(None, "--keys", "folder of CURVE keys", parse=str)

    def check(self) -> Iterator[SettingError]:
        if self.keys is not None and self.control is None:
            yield SettingError("keys", "goes with control")
        if self.control is not None and not self.control.startswith(("tcp://", "ipc://")):
            yield SettingError("control", f"{self.control}: give tcp://HOST:PORT or ipc://PATH")
