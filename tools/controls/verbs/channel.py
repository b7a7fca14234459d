# SPDX-License-Identifier: GPL-3.0-or-later
"""The loopback's channel: each field of its settings that may change while samples pass."""

from typing import Any

from percast.blocks.channel.config import ChannelConfig
from percast.blocks.channel.limits import limits
from percast.quantity import quantity
from percast.settings import like
from percast.tools.controls.link import Link
from percast.tools.controls.verb import Group, Look, Verb, or_nothing

NO_NOISE = "none"


class _OfChannel(Verb):
    group = Group.CHANNEL
    key: str  # field of a `ChannelConfig`
    only: tuple[str, ...] = ()  # begin of models' names that it matters to

    def missing(self, link: Link) -> str | None:
        return None if link.channel else "only a loopback has a channel to set"

    def now(self, link: Link) -> Any:
        return getattr(link.channel.channel.config, self.key)

    def do(self, link: Link, value: Any) -> None:
        link.channel.channel.change(**{self.key: value})

    def hint(self, link: Link) -> str | None:
        config = link.channel.channel.config
        if self.only and not config.model.startswith(self.only):
            return f"{config.model} has none"
        return limits(config, link.receiver.profile).get(self.key)


class Model(_OfChannel):
    label, key = "Channel", "model"
    summary = "model of the loopback's channel"
    field = like(ChannelConfig, "model", None, summary)


class Snr(_OfChannel):
    label, key = "SNR", "snr_db"
    null, null_label = NO_NOISE, "No noise"
    summary = "SNR of the loopback's channel in dB; null for no noise"
    look = Look(-10, 30, 1, "dB")
    field = like(
        ChannelConfig, "snr_db", None, f"SNR of the loopback's channel; '{NO_NOISE}' = no noise",
        parse=or_nothing(NO_NOISE, quantity), unit="dB",
    )  # fmt: skip


class Doppler(_OfChannel):
    label, key, off = "Doppler", "doppler", 0
    only = ("rayleigh", "tdl")
    summary = "maximum Doppler frequency of the loopback's channel in Hz; 0 = constant"
    look = Look(0, 200, 1, "Hz")
    field = like(ChannelConfig, "doppler", None, "of the loopback's channel, 0 = constant")


class DelaySpread(_OfChannel):
    label, key, off = "Delay spread", "delay_spread", 0
    only = ("tdl",)
    summary = "RMS delay spread of the loopback's tdl channel in seconds"
    look = Look(0, 2000, 10, "ns", 1e-9)
    field = like(ChannelConfig, "delay_spread", None, "RMS, of the loopback's tdl channel")


class FreqOffset(_OfChannel):
    label, key, off = "Carrier offset", "freq_offset", 0
    summary = "carrier of the loopback's transmitter over that of its receiver in Hz"
    look = Look(-100, 100, 1, "kHz", 1e3)
    field = like(ChannelConfig, "freq_offset", None, "carrier offset of the loopback")


class ClockPpm(_OfChannel):
    label, key, off = "Clock offset", "clock_ppm", 0
    summary = "sample clock of the loopback's transmitter over that of its receiver in ppm"
    look = Look(-50, 50, 1, "ppm")
    field = like(ChannelConfig, "clock_ppm", None, "clock offset of the loopback")
