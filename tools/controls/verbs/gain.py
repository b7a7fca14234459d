# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a radio amplifies."""

from typing import Any

from percast.flowgraphs.radios.config import Gain, RadioConfig
from percast.settings import like
from percast.tools.controls.link import Link
from percast.tools.controls.verb import Group, Look, Verb

_NUMBER = {"type": "number", "minimum": -100, "maximum": 200}


class SetGain(Verb):
    """Of this end's radio."""

    label, group = "Gain", Group.RADIO
    summary = "gain of the radio in dB, in all or of stages by name"
    look = Look(unit="dB")
    field = like(RadioConfig, "gain", None, "in all, or stages by name: LNA=16,VGA=20")

    def missing(self, link: Link) -> str | None:
        return None if link.station else "there is no radio here"

    def now(self, link: Link) -> Any:
        return link.station.took.get("gain")

    def do(self, link: Link, value: Gain) -> None:
        link.station.tune(gain=value)

    def parts(self, link: Link) -> dict[str, tuple[float, float]] | None:
        return link.station.gains

    def schema(self) -> dict[str, Any]:
        stages = {"type": "object", "additionalProperties": _NUMBER, "minProperties": 1}
        return {"oneOf": [_NUMBER, stages, {"type": "string"}], "description": "dB"}
