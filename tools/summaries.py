# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON objects that links print at their end: one part from each end."""

from collections import Counter

from percast.blocks.stats.link_stats import LinkStats
from percast.blocks.waveform.profile import Profile
from percast.engines.codecs.contract import Codec
from percast.errors import LinkError, ModelError


def sender_part(transmitter, profile: Profile) -> dict:
    """What a `Transmitter` knows."""
    source, encoder = transmitter.source, transmitter.encoder
    channel_uses = transmitter.modulator.burst_samples * profile.occupied_fraction
    latents = encoder.latent_symbols
    return {
        "sent": source.sent - encoder.faults.total,
        "unencodable": encoder.faults.total,
        "codec_faults": dict(encoder.faults),
        "skipped": source.pictures.skipped,
        "dropped": source.dropped,
        "cbr": _ratio(latents, encoder.source_samples),
        "overhead": _ratio(channel_uses - latents, latents),
    }


def receiver_part(receiver, stats: LinkStats) -> dict:
    """What a `Receiver` knows; `stats` has seen its records."""
    demodulator, generator = receiver.demodulator, receiver.generator
    return {
        "received": demodulator.images,
        "decoded": stats.received,
        "dropped": receiver.dropped,
        "undecodable": stats.undecodable,
        "foreign": dict(generator.foreign),
        "codec_faults": dict(generator.faults),
        "codec_figures": stats.own_figures(),
        "packets": demodulator.receiver.stats.packets,
        "headers_lost": demodulator.receiver.stats.headers_lost,
        "bad_samples": demodulator.receiver.stats.bad_samples,
        "frames_per_second": stats.frames_per_second(),
        "latency_ms": stats.latency_ms(),
        "cbr": stats.mean("cbr"),
        "snr_db_measured": stats.mean_db("snr_db"),
        "evm_db": stats.mean_db("evm_db"),
        "freq_offset_hz_measured": stats.mean("freq_offset_hz"),
        "clock_ppm_measured": stats.mean("clock_ppm"),
        "psnr_db": stats.mean("psnr_db"),
        "ms_ssim": stats.mean("ms_ssim"),
        "lpips": stats.mean("lpips"),
    }


def waveform_part(profile: Profile) -> dict:
    return {
        "profile": profile.name,
        "samp_rate": profile.samp_rate,
        "occupied_bandwidth_hz": profile.occupied_bandwidth,
    }


def codec_part(codec: Codec) -> dict:
    about = codec.about()
    return {
        "codec": codec.name,
        "model": about.model,
        "engine": about.engine,
        "precision": about.precision,
        "engine_reason": about.reason,
    }


def add_counts(*counts: dict[str, int]) -> dict[str, int]:
    """Counts by reason from both ends."""
    return dict(sum(map(Counter, counts), Counter()))


def check_codec(summary: dict) -> None:
    """Raise the codec's error, once results have been told, if no picture got through it.

    Raises:
        ModelError: it made mistakes, or all pictures were another's.
        LinkError: nothing that arrived could be decoded.
    """
    faults = summary["codec_faults"]
    if faults and summary["sent"] == 0:
        raise ModelError(f"no picture could be sent: {next(iter(faults))}")
    if summary.get("decoded") != 0:  # a sender does not know
        return
    if reasons := faults or summary["foreign"]:
        raise ModelError(f"no picture could be decoded: {next(iter(reasons))}")
    if summary["undecodable"]:
        raise LinkError("no picture could be decoded: what arrived is too little for the codec")


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
