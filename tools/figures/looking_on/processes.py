# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast` commands that run beside this one, and what they take."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

from percast.errors import LinkError

_START_SECONDS = 600.0  # a machine may have much else to do
_END_SECONDS = 120.0
_MB = 1e6


class Running:
    """A `percast` command; `--json` is added.

    Attributes:
        address: of its page; None without one.
    """

    def __init__(self, *argv: object, page: bool = False):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "percast.tools.cli", *map(str, argv), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: list[str] = []
        self._addresses: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.address: str | None = None
        if page:
            try:
                self.address = self._addresses.get(timeout=_START_SECONDS)
            except queue.Empty:
                self.kill()
                raise LinkError(f"it did not start: {''.join(self._lines)[-300:]}") from None

    def _read(self) -> None:
        for line in self._process.stderr:
            self._lines.append(line)
            if found := re.match(r"view: (http\S+)", line):
                self._addresses.put(found[1])

    def cpu_seconds(self) -> float:
        """Of all its threads, since it began."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """That it holds in RAM of its own, 10^6 bytes: resident without what is shared with
        files."""
        found = re.search(r"^RssAnon:\s+(\d+) kB", self._proc("status"), re.MULTILINE)
        return int(found[1]) * 1024 / _MB

    def _proc(self, name: str) -> str:
        if self._process.poll() is not None:
            raise LinkError(f"a receiver ended too early: {''.join(self._lines)[-300:]}")
        return Path(f"/proc/{self._process.pid}/{name}").read_text()

    def end(self) -> dict:
        """Ctrl-C; gives its JSON object."""
        self._process.send_signal(signal.SIGINT)
        out = self._process.communicate(timeout=_END_SECONDS)[0]
        try:
            return json.loads(out)
        except ValueError as error:
            raise LinkError(f"it gave no result: {''.join(self._lines)[-300:]}") from error

    def kill(self) -> None:
        """At once, if it runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
