# SPDX-License-Identifier: GPL-3.0-or-later
"""What the transmitter spends on a picture, and for which channel."""

from collections.abc import Sequence
from fractions import Fraction

from percast.engines.codecs.config import CodecConfig
from percast.settings import like
from percast.tools.controls.link import Link
from percast.tools.controls.verb import Group, Look, Verb


class _OfSender(Verb):
    group = Group.SENDER

    def missing(self, link: Link) -> str | None:
        return None if link.transmitter else "the sender is elsewhere"


class Cbr(_OfSender):
    label = "Rate"
    summary = "channel bandwidth ratio of the transmitter, such as 1/48"
    field = like(CodecConfig, "cbr", None, summary)

    def now(self, link: Link) -> str:
        return str(link.transmitter.encoder.codec.cbr)

    def do(self, link: Link, value: Fraction) -> None:
        link.transmitter.encoder.aim(cbr=value)

    def choices(self, link: Link) -> Sequence[str] | None:
        rates = link.transmitter.encoder.codec.rates if link.transmitter else ()
        return [str(rate) for rate in sorted(rates)] or None


class DesignSnr(_OfSender):
    label = "Design SNR"
    summary = "SNR in dB that the transmitter encodes for"
    look = Look(0, 20, 1, "dB")
    field = like(CodecConfig, "design_snr_db", None, summary)

    def now(self, link: Link) -> float:
        return link.transmitter.encoder.codec.design_snr_db

    def do(self, link: Link, value: float) -> None:
        link.transmitter.encoder.aim(design_snr_db=value)
