# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes what is asked of a running link, and has it done."""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from percast.errors import PercastError
from percast.tools.controls.link import Link
from percast.tools.controls.table import VERBS
from percast.tools.controls.verb import Verb, refuse

log = logging.getLogger(__name__)

Heard = Callable[[str, Any], None]


class Desk:
    """All verbs of one link; from any thread.

    Args:
        link: to act on.

    Attributes:
        on_change: called with name and value of what was done, in the thread that did it.
    """

    def __init__(self, link: Link):
        self.link = link
        self.on_change: list[Heard] = []
        self._locks = {verb.group: threading.Lock() for verb in VERBS.values()}

    def do(self, name: str, value: Any) -> Any:
        """Have one verb done.

        Args:
            name, value: as `table.parse` gives them.

        Returns:
            What is in force now, or what else came of it.

        Raises:
            PercastError: this link cannot; all is as before.
        """
        verb = VERBS[name]
        if self.quick(name):
            return self._do(verb, value)
        with self._locks[verb.group]:
            return self._do(verb, value)

    def quick(self, name: str) -> bool:
        """Whether a verb takes no time here."""
        return VERBS[name].quick

    def check(self, names: Iterable[str]) -> None:
        """Raises PercastError where one of them is not to be had here."""
        for name in names:
            refuse(self._missing(VERBS[name]))

    def hint(self, name: str) -> str | None:
        """What a person should know about what a verb has done, such as where a recording lies."""
        return _told(lambda: VERBS[name].hint(self.link))

    def describe(self) -> dict[str, dict[str, Any]]:
        """What each verb is, and is now, by name, as JSON: label, group, summary, schema; `off` is
        the value at which it does nothing, `missing` says why it is not to be had, `now` what is in
        force, `hint` what to know about that."""
        return {name: self._describe(verb) for name, verb in VERBS.items()}

    def _do(self, verb: Verb, value: Any) -> Any:
        refuse(self._missing(verb))
        came = verb.do(self.link, value)
        if came is None:
            came = verb.now(self.link)
        log.info("control: %s is %s", verb.name, came)
        for heard in self.on_change:
            heard(verb.name, value)
        return came

    def _missing(self, verb: Verb) -> str | None:
        reason = self.link.lacking.get(verb.name) or verb.missing(self.link)
        return reason and f"{verb.name}: {reason}"

    def _describe(self, verb: Verb) -> dict[str, Any]:
        missing = self._missing(verb)
        there = missing is None
        look = verb.look and {**vars(verb.look)}
        return {
            "label": verb.label,
            "group": verb.group.value,
            "summary": verb.summary,
            "schema": verb.schema(),
            "look": look,
            "null": verb.null_label,
            "off": verb.off,
            "button": verb.button,
            "parts": _told(lambda: verb.parts(self.link)) if there else None,
            "choices": verb.choices(self.link),
            "missing": missing and missing.removeprefix(f"{verb.name}: "),
            "now": _told(lambda: verb.now(self.link)) if there else None,
            "hint": self.hint(verb.name) if there else None,
        }


def _told(tell: Callable[[], Any]) -> Any:
    """What it says, or None where a radio has just gone."""
    try:
        return tell()
    except PercastError:
        return None
