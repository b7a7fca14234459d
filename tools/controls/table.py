# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of verbs, and how each is asked for.

`VERBS` is all that there is: the HTTP calls, the control socket and `percast tune` have no names,
ranges or units of their own.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from percast.errors import UsageError, one_line
from percast.settings import NOTHING, Settings
from percast.tools.controls.verb import Verb, on_off
from percast.tools.controls.verbs.channel import (
    ClockPpm,
    DelaySpread,
    Doppler,
    FreqOffset,
    Model,
    Snr,
)
from percast.tools.controls.verbs.engine import Engine, Precision
from percast.tools.controls.verbs.freq import Freq
from percast.tools.controls.verbs.gain import SetGain
from percast.tools.controls.verbs.pause import Pause
from percast.tools.controls.verbs.rate import Cbr, DesignSnr
from percast.tools.controls.verbs.realism import Realism
from percast.tools.controls.verbs.record import Record
from percast.tools.controls.verbs.save import Save
from percast.tools.controls.verbs.source import Source

_ALL = (
    Realism(), Pause(),
    Model(), Snr(), Doppler(), DelaySpread(), FreqOffset(), ClockPpm(),
    Cbr(), DesignSnr(), Source(),
    Freq(), SetGain(),
    Engine(), Precision(),
    Record(), Save(),
)  # fmt: skip
VERBS: Mapping[str, Verb] = MappingProxyType({verb.name: verb for verb in _ALL})
"""By name."""


class _Asked(Settings):
    group = "what to change"


Asked = dataclasses.make_dataclass(
    "Asked",
    [(verb.name, Any, verb.field) for verb in _ALL],
    bases=(_Asked,),
    frozen=True,
)
"""What is asked for, as settings with the verbs' names; None where nothing is."""

Asked.__module__ = __name__


def parse(table: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the names of verbs, checked, from a JSON object; numbers may be texts such as
    "2.41G", null is None.

    Raises:
        ValueError: it makes no sense; one line that says why.
    """
    if not table:
        raise ValueError("nothing is asked for")
    said = {}
    for name, value in table.items():
        verb = VERBS.get(name)
        if verb is None:
            raise ValueError(f"there is no '{name[:40]}'; there are {', '.join(VERBS)}")
        said[name] = _as_text(verb, value)
    try:
        asked = Asked.from_mapping(said)
    except UsageError as error:
        raise ValueError(one_line(error, 300)) from error
    return values(asked)


def values(asked: Settings) -> dict[str, Any]:
    """What is asked for, by the verbs' names; None for null."""
    given = {name: getattr(asked, name) for name in VERBS}
    return {
        name: None if value is NOTHING else value
        for name, value in given.items()
        if value is not None
    }


def to_json(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Values, as `values` gives them, for `parse` at the other end."""
    return {
        name: value if isinstance(value, bool | int | float | dict | None) else str(value)
        for name, value in asked.items()
    }


def _as_text(verb: Verb, value: Any) -> Any:
    """What `Settings.from_mapping` takes for a value of JSON."""
    if value is None:
        if verb.null is None:
            raise ValueError(f"{verb.name}: null is no value for it")
        return verb.null
    if verb.about.parse is on_off:
        if not isinstance(value, bool):
            raise ValueError(f"{verb.name}: true or false")
        return "on" if value else "off"
    if verb.about.choices is not None and not isinstance(value, str):
        raise ValueError(f"{verb.name}: {json.dumps(value)[:40]} is no text")
    numbers = value.values() if isinstance(value, dict) else [value]
    for number in numbers:
        if isinstance(number, float) and not math.isfinite(number):
            raise ValueError(f"{verb.name}: {number} is no number")
    return value
