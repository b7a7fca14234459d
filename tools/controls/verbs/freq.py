# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a radio is tuned to."""

from percast.flowgraphs.radios.config import RadioConfig
from percast.settings import like
from percast.tools.controls.link import Link
from percast.tools.controls.verb import Group, Look, Verb


class Freq(Verb):
    """Of this end's radio."""

    label, group, button = "Frequency", Group.RADIO, "Tune"
    summary = "carrier of the radio in Hz"
    look = Look(unit="MHz", scale=1e6)
    field = like(RadioConfig, "freq", None, "carrier of the radio", least=1, most=1e12, unit="Hz")

    def missing(self, link: Link) -> str | None:
        return None if link.station else "there is no radio here"

    def now(self, link: Link) -> float | None:
        return link.station.took.get("freq")

    def do(self, link: Link, value: float) -> None:
        link.station.tune(freq=value)
