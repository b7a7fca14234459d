# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of figures: how a link does, at any moment.

    TransmitterStats                     ReceiverStats
      images    SentImages                 images    ReceivedImages
      rate      Rate                       sync      Sync
      waveform  Waveform                   link      Link
      codec     CodecInUse                 waveform, codec, radio
      radio     Radio or None

`Transmitter.stats()` and `Receiver.stats()` give it, from any thread: each number is right by
itself, and numbers of one tree may be a picture apart. `dataclasses.asdict` makes JSON of it, as
`percast tune --status` prints it; `--json` has the same names without the branches. Figures that
cannot be had (yet) are None, never 0. Rates, levels and offsets carry their unit in their names.
"""

from dataclasses import dataclass, field
from typing import Any, Self

from percast.blocks.stats.level_meter import Level
from percast.blocks.waveform.profile import Profile
from percast.engines.codecs.contract import Codec


@dataclass(frozen=True)
class Waveform:
    """What both ends agreed on.

    Attributes:
        profile: name of the preset.
        samp_rate: samples/s.
        occupied_bandwidth_hz: from the lowest to the highest carrier.
    """

    profile: str
    samp_rate: float
    occupied_bandwidth_hz: float

    @classmethod
    def of(cls, profile: Profile) -> Self:
        return cls(profile.name, profile.samp_rate, profile.occupied_bandwidth)


@dataclass(frozen=True)
class CodecInUse:
    """What encodes or decodes.

    Attributes:
        codec: its name.
        model: that of its model; None where it has none.
        engine, precision: which runtime, and in which numbers.
        engine_reason: both in words, and why they were chosen.
        codec_faults: pictures that it made a mistake at, by reason.
        codec_figures: means of the figures of its own, by their names; of a receiver.
    """

    codec: str
    model: str | None
    engine: str | None
    precision: str | None
    engine_reason: str | None
    codec_faults: dict[str, int]
    codec_figures: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, codec: Codec, faults: dict[str, int], figures: dict[str, float] | None = None
    ) -> Self:
        about = codec.about()
        return cls(
            codec.name,
            about.model,
            about.engine,
            about.precision,
            about.reason,
            dict(faults),
            dict(figures or {}),
        )


@dataclass(frozen=True)
class Radio:
    """How a radio does.

    Attributes:
        asked, took: settings by name: what was asked for, and what the radio made of it.
        overruns: times that samples were lost on their way from the radio.
        underruns: times that a transmitter had none in time.
        late, sequence_errors: packets that came after their time; samples lost on the bus or net.
        reconnected: times that it was opened again.
        level: of what is received; None of a transmitter.
    """

    asked: dict[str, Any]
    took: dict[str, Any]
    overruns: int
    underruns: int
    late: int
    sequence_errors: int
    reconnected: int
    level: Level | None


@dataclass(frozen=True)
class SentImages:
    """Pictures at the transmitter.

    Attributes:
        sent: given to the encoder, but for those that it could not encode.
        unencodable: those.
        skipped: unusable in the source.
        dropped: replaced by newer ones, where the source is paced or live.
        session: number of this run, in every header.
    """

    sent: int
    unencodable: int
    skipped: int
    dropped: int
    session: int


@dataclass(frozen=True)
class Rate:
    """What the air is used for by the pictures that are out; None before the first.

    Attributes:
        cbr: complex channel symbols per source sample of what was sent.
        overhead: channel uses for preamble, header, pilots and prefix, per symbol of the codec.
    """

    cbr: float | None
    overhead: float | None

    @classmethod
    def of(cls, latents: int, samples: int, channel_uses: float) -> Self:
        """From symbols of the codec, source samples, and channel uses."""
        if not (latents and samples):
            return cls(None, None)
        return cls(latents / samples, (channel_uses - latents) / latents)


@dataclass(frozen=True)
class TransmitterStats:
    """All of a transmitter; see the module."""

    images: SentImages
    rate: Rate
    waveform: Waveform
    codec: CodecInUse
    radio: Radio | None = None


@dataclass(frozen=True)
class ReceivedImages:
    """Pictures at the receiver. Quality is a mean over those that have an original.

    Attributes:
        received: of which at least one packet's header was read.
        decoded: finished and written.
        dropped: replaced by newer ones, where the samples do not wait.
        undecodable: arrived too damaged for the codec, or it made a mistake.
        foreign: those that no codec here decodes, by reason.
        frames_per_second: from the first picture read to the last one decoded.
        latency_ms: p50 and p99 from the picture read to the picture decoded; None where the
            sender's clock is not known to be ours.
        psnr_db, ms_ssim, lpips: against the originals.
        mismatched: without these, for their originals have another size.
        unscored: likewise, for their originals were not kept so long.
    """

    received: int
    decoded: int
    dropped: int
    undecodable: int
    foreign: dict[str, int]
    frames_per_second: float | None
    latency_ms: dict[str, float | None]
    psnr_db: float | None
    ms_ssim: float | None
    lpips: float | None
    mismatched: int = 0
    unscored: int = 0


@dataclass(frozen=True)
class Sync:
    """What the receiver finds in the samples.

    Attributes:
        samples: seen; bad_samples: of these, no numbers.
        detections: preambles found, false ones too.
        packets: whose header was read; headers_lost: whose was not.
        malformed: messages of another process that hold no whole samples; None of other sources.
    """

    samples: int
    bad_samples: int
    detections: int
    packets: int
    headers_lost: int
    malformed: int | None = None


@dataclass(frozen=True)
class Link:
    """Means over the pictures that arrived, those too that could not be decoded; of what is in dB
    over powers.

    Attributes:
        cbr: all complex channel symbols over all source samples.
        snr_db_measured: Es/N0 per occupied subcarrier.
        evm_db: over pilots and the header.
        freq_offset_hz_measured: carrier of the sender over ours.
        clock_ppm_measured: sample clock of the sender over ours, parts per million.
    """

    cbr: float | None
    snr_db_measured: float | None
    evm_db: float | None
    freq_offset_hz_measured: float | None
    clock_ppm_measured: float | None


@dataclass(frozen=True)
class ReceiverStats:
    """All of a receiver; see the module."""

    images: ReceivedImages
    sync: Sync
    link: Link
    waveform: Waveform
    codec: CodecInUse
    radio: Radio | None = None


@dataclass(frozen=True)
class LoopbackStats:
    """Both ends in one process."""

    transmitter: TransmitterStats
    receiver: ReceiverStats
