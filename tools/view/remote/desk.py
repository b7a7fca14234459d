# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of a link in another process, over its control socket."""

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

from percast.errors import DeviceError, PercastError
from percast.tools.controls.desk import Desk
from percast.tools.controls.link import Link
from percast.tools.controls.table import VERBS, to_json

log = logging.getLogger(__name__)

OWN = ("pause",)
"""Verbs of the page itself."""
_EVERY = 0.5  # seconds between two questions what is in force
_SOON_MS, _PATIENT_MS = 1000, 120_000  # for what takes no time, and for what may compile
_SILENT = "the receiver's control socket does not answer"

Ask = Callable[[dict, int], dict]
"""Sends a request and gives the answer within so many ms; raises `DeviceError`."""


class FarDesk(Desk):
    """A `Desk` whose verbs are done elsewhere.

    Args:
        link: with what is known of it here.
        ask: its control socket.
    """

    def __init__(self, link: Link, ask: Ask):
        super().__init__(link)
        self._ask = ask
        self._far: dict[str, dict] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="percast far desk", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()

    def quick(self, name: str) -> bool:
        """What is done elsewhere takes its time: the control socket may be busy."""
        return name in OWN

    def do(self, name: str, value: Any) -> Any:
        if name in OWN:
            return super().do(name, value)
        patience = _SOON_MS if VERBS[name].quick else _PATIENT_MS
        answer = self._ask(to_json({name: value}), patience)
        if not answer.get("ok"):
            raise DeviceError(str(answer.get("error", _SILENT))[:200])
        for heard in self.on_change:
            heard(name, value)
        return answer.get("took", {}).get(name)

    def hint(self, name: str) -> str | None:
        return super().hint(name) if name in OWN else self._far.get(name, {}).get("hint")

    def describe(self) -> dict[str, dict[str, Any]]:
        described, far = super().describe(), self._far
        for name, about in described.items():
            if name not in OWN:
                told = far.get(name, {"missing": _SILENT})
                about |= {key: told[key] for key in about if key in told}
        return described

    def _follow(self) -> None:
        while True:
            try:
                self._far = self._described()
            except (PercastError, ValueError) as error:
                log.info("control: %s", error)
                self._far = {}
            if self._closing.wait(_EVERY):
                return

    def _described(self) -> dict[str, dict]:
        verbs = self._ask({"verbs": True}, _SOON_MS).get("verbs")
        if not isinstance(verbs, dict) or not all(isinstance(v, dict) for v in verbs.values()):
            raise ValueError(f"no verbs: {json.dumps(verbs)[:100]}")
        return verbs
