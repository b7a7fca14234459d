# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON objects that links print at their end: one part from each end."""

from percast.blocks.stats.link_stats import LinkStats
from percast.blocks.waveform.profile import Profile
from percast.engines.runtimes.engine import Engine


def sender_part(transmitter, profile: Profile) -> dict:
    """What a `Transmitter` knows."""
    source, encoder = transmitter.source, transmitter.encoder
    channel_uses = transmitter.modulator.burst_samples * profile.occupied_fraction
    latents = encoder.latent_symbols
    return {
        "sent": source.sent,
        "skipped": source.pictures.skipped,
        "dropped": source.dropped,
        "cbr": _ratio(latents, encoder.source_samples),
        "overhead": _ratio(channel_uses - latents, latents),
    }


def receiver_part(receiver, stats: LinkStats) -> dict:
    """What a `Receiver` knows; `stats` has seen its records."""
    demodulator = receiver.demodulator
    return {
        "received": demodulator.images,
        "decoded": stats.received,
        "dropped": receiver.dropped,
        "foreign": dict(receiver.generator.foreign),
        "packets": demodulator.receiver.stats.packets,
        "headers_lost": demodulator.receiver.stats.headers_lost,
        "bad_samples": demodulator.receiver.stats.bad_samples,
        "frames_per_second": stats.frames_per_second(),
        "latency_ms": stats.latency_ms(),
        "cbr": stats.cbr(),
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


def engine_part(model: str, engine: Engine) -> dict:
    return {
        "model": model,
        "engine": engine.name,
        "precision": engine.precision,
        "engine_reason": engine.reason,
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
