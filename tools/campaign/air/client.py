# SPDX-License-Identifier: GPL-3.0-or-later
"""The coordinator's side of an end: starts it here or finds it elsewhere, and brings it back."""

import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from percast.errors import DeviceError
from percast.tools.campaign.air.wire import Answer, Client, Silent
from percast.tools.campaign.plan import End

log = logging.getLogger(__name__)

_START = 60.0  # seconds for an end to start and open its radio
_GRACE = 15.0  # for it to let go of it
_STATUS = 10.0  # to say how it does
_ANSWER = 20.0  # to any other question


class RemoteEnd:
    """An end, wherever it runs.

    Args:
        name: "transmitter" or "receiver".
        end: of the plan.
        air: keys of its table [air].
    """

    def __init__(self, name: str, end: End, air: Mapping[str, Any]):
        self.name = name
        self._asked = {
            "do": "open",
            "direction": "transmit" if name == "transmitter" else "receive",
            "radio": dict(end.radio) | _reconnect(end.radio),
            "air": dict(air),
        }
        self._folder: tempfile.TemporaryDirectory | None = None
        self._process: subprocess.Popen | None = None
        self._address, keys = end.place.control, end.place.keys
        if self._address is None:
            self._folder = tempfile.TemporaryDirectory(prefix="percast-end-")
            self._address = f"ipc://{Path(self._folder.name, 'control')}"
        self._client = Client(self._address, keys)

    def open(self) -> dict[str, Any]:
        """Open its radio, if it is not open already; what it took.

        Raises:
            DeviceError: it does not answer, or there is no radio.
        """
        if self._folder is not None and not self._alive():
            self._start()
        return self._client.ask(self._asked, timeout=_START)[0]

    def ask(self, do: str, frames: Sequence[bytes] = (), **more: Any) -> Answer:
        """Raises `DeviceError` where it does not answer, or says that it cannot."""
        timeout = _STATUS if do == "status" else _ANSWER
        return self._client.ask({"do": do, **more}, frames, timeout)

    def healthy(self, look: bool = True) -> dict[str, Any] | None:
        """Its status while samples go through its radio; None while they do not.

        Args:
            look: see whether they do; without it, only whether the radio is known to be lost.
        """
        try:
            told = self.ask("status", look=look)[0]
        except DeviceError:
            return None
        return told if told["moving"] else None

    def mend(self) -> str:
        """Do what can be done for an end that is not healthy; what is wrong, for people."""
        try:
            told = self.ask("status")[0]
            if told["hanging"] and self._process is not None:
                self._kill()
            if told["error"] or told["hanging"]:
                self.open()
            return told["error"] or "its radio gives no samples"
        except Silent as error:
            if self._folder is None:  # somebody has to start it, there
                return str(error)
            self._kill()
            try:
                self.open()
            except DeviceError as again:
                return str(again)
            return str(error)
        except DeviceError as error:
            try:
                self.open()
            except DeviceError as again:
                return str(again)
            return str(error)

    def close(self) -> None:
        """Let it let go of its radio; one that was started here ends."""
        try:
            if self._process is None or self._alive():
                self._client.ask({"do": "close"}, timeout=_GRACE)
        except DeviceError as error:
            log.warning("%s: %s", self.name, error)
        self._client.close()
        self._kill(gently=True)
        if self._folder is not None:
            self._folder.cleanup()

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self) -> None:
        command = [sys.executable, "-m", "percast.tools.cli", "campaign", "end"]
        self._process = subprocess.Popen(
            [*command, "--control", self._address, "--until-eof"],
            stdin=subprocess.PIPE,  # it ends when we do, however we end
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us, who will tell it
        )

    def _kill(self, gently: bool = False) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.stdin.close()
        end = time.monotonic() + _GRACE
        while gently and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        if process.poll() is None:
            process.kill()
        process.wait()


def _reconnect(radio: Mapping[str, Any]) -> dict[str, bool]:
    """A station opens its radio again where the driver lets it."""
    return {} if radio.get("device") == "osmosdr" else {"reconnect": True}
