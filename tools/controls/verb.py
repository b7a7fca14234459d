# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be asked of a running link: name, range and what it does, in one place.

A verb is told the same everywhere:

    percast tune --control ADDRESS --snr 15         {"snr": 15} on the control socket
    POST /api/snr {"value": 15}                     {"do": "snr", "value": 15} on the WebSocket
"""

import argparse
import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from percast.errors import UsageError
from percast.settings import NOTHING, Setting, about_of
from percast.tools.controls.link import Link


class Group(enum.Enum):
    """Verbs that belong together; the value is what people read."""

    PICTURE = "Picture"
    CHANNEL = "Channel"
    SENDER = "Sender"
    RADIO = "Radio"
    ENGINE = "Engine"
    RECORDING = "Recording"


@dataclass(frozen=True)
class Look:
    """How a page offers a number; its range may be narrower than what may be asked.

    Args:
        low, high, step: of a slider, in `unit`; no slider without them.
        unit: that people read, which is `scale` of the verb's own.
    """

    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""
    scale: float = 1.0


class Verb(ABC):
    """One of the table.

    Attributes:
        field: a field of a settings class, made by `percast.settings.setting` or `like`: flag and
            name, help, range, unit, choices.
        label: one or two words.
        group: where it belongs.
        summary: one line: what it does.
        look: of a number.
        null, null_label: a word for null, where null is a value; and a button's.
        off: value at which it does nothing, and needs no word.
        button: what does it, where its value is not in force as soon as it is chosen; of a switch,
            what ends it.
        quick: takes no time, and may be done while others wait.
    """

    field: ClassVar[Any]
    label: ClassVar[str]
    group: ClassVar[Group]
    summary: ClassVar[str]
    look: ClassVar[Look | None] = None
    null: ClassVar[str | None] = None
    null_label: ClassVar[str | None] = None
    off: ClassVar[float | None] = None
    button: ClassVar[str | None] = None
    quick: ClassVar[bool] = False

    @property
    def about(self) -> Setting:
        return about_of(self.field)

    @property
    def name(self) -> str:
        """Of the call, of the JSON key, and of the option of `percast tune`."""
        return self.about.dest

    @abstractmethod
    def missing(self, link: Link) -> str | None:
        """Why this link cannot; None where it can."""

    @abstractmethod
    def now(self, link: Link) -> Any:
        """What is in force, as JSON."""

    @abstractmethod
    def do(self, link: Link, value: Any) -> Any:
        """Change it; from any thread, and never two at once of one verb.

        Args:
            value: checked; None where null was asked for.

        Returns:
            What came of it, as JSON; None where that is what is in force now.

        Raises:
            PercastError: it cannot be; all is as before.
        """

    def hint(self, link: Link) -> str | None:
        """What a person should know about what is in force now."""
        return None

    def choices(self, link: Link) -> Sequence[str] | None:
        """All that may be asked of this link, in words."""
        return self.about.choices

    def parts(self, link: Link) -> dict[str, tuple[float, float]] | None:
        """Names of what is set by itself, with the least and the most of each; None where the value
        is one."""
        return None

    def schema(self) -> dict[str, Any]:
        """JSON schema of the value."""
        about = self.about
        kind: dict[str, Any] = {"type": "string"}
        if about.parse is on_off:
            kind = {"type": "boolean"}
        elif about.choices is not None:
            kind["enum"] = list(about.choices)
        elif about.least is not None or about.most is not None:
            kind = {"type": "number", "minimum": about.least, "maximum": about.most}
            kind = {key: value for key, value in kind.items() if value is not None}
        if about.unit:
            kind["description"] = about.unit
        if self.null is not None:
            kind["type"] = [kind["type"], "null"]
        return kind


def on_off(text: str) -> bool:
    """ "on" or "off".

    Raises:
        argparse.ArgumentTypeError: neither.
    """
    try:
        return {"on": True, "off": False}[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"'{text}' is neither on nor off") from None


def or_nothing(word: str, parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """A `parse` that also takes a word that stands for null."""

    def parse_one(text: str) -> Any:
        return NOTHING if text.lower() == word else parse(text)

    parse_one.__name__ = getattr(parse, "__name__", "value")
    return parse_one


def refuse(reason: str | None) -> None:
    """Raise what `Verb.missing` says.

    Raises:
        UsageError: if it says anything.
    """
    if reason is not None:
        raise UsageError(reason)
