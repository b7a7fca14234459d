# SPDX-License-Identifier: GPL-3.0-or-later
"""What drivers print.

gr-osmosdr and gr-soapy tell overruns and underruns by single letters on stderr and in no other
way, and all drivers greet at length. Here their output is caught, counted, and shown at -v only.
"""

import contextlib
import logging
import os
import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path

log = logging.getLogger(__name__)

# At the start of a line: letters without end, perhaps with the next message right behind them.
_LETTERS = re.compile(r"(?:s[OUT]|t[GP]|[OUDSL](?=s[OUT]|t[GP]|[^a-z]|$))+(?=$|[\[(]|[A-Z][a-z])")
_LETTER = re.compile(r"s[OUT]|t[GP]|[OUDSL]")
_MEANING = {"O": "overruns", "D": "overruns", "U": "underruns", "L": "late", "S": "sequence_errors"}
# gr-soapy's own; SoapySDR's modules may print the plain letter besides.
_SOAPY = {"sO": "overruns", "sU": "underruns"}
_COMPLAINT = re.compile(r"error|warning|fatal|fail|timeout|disconnected", re.IGNORECASE)
_LATE = 1.0  # seconds at most for what drivers still have to print


class Chatter:
    """Catches file descriptors 1 and 2; what Python prints still goes where it went.

    Attributes:
        last: the last line that reads like a complaint, or nothing.
        stays: do not let the drivers have the terminal back: one of them cannot be stopped.
    """

    def __init__(self):
        self._letters: Counter[str] = Counter()
        self.last = ""
        self.stays = False

    def __enter__(self) -> "Chatter":
        sys.stdout.flush()
        sys.stderr.flush()
        self._kept = os.dup(1), os.dup(2)
        self._python = sys.stdout, sys.stderr
        sys.stdout = os.fdopen(os.dup(1), "w", errors="backslashreplace")
        sys.stderr = os.fdopen(os.dup(2), "w", errors="backslashreplace", buffering=1)
        # What is logged must not come back through the pipes; a progress bar may have put a stream
        # of its own in the place of sys.stderr.
        self._logging = [
            (handler, handler.stream)
            for handler in logging.getLogger().handlers
            if isinstance(handler, logging.StreamHandler) and _writes_to(handler.stream, (1, 2))
        ]
        for handler, _ in self._logging:
            handler.setStream(sys.stderr)
        self._threads = [self._catch(number) for number in (1, 2)]
        return self

    def counts(self, driver: str) -> dict[str, int]:
        """overruns, underruns, late and sequence_errors that a driver has told so far."""
        counts = dict.fromkeys(_MEANING.values(), 0)
        for letter, meaning in (_SOAPY if driver == "gr-soapy" else _MEANING).items():
            counts[meaning] += self._letters[letter]
        return counts

    def _catch(self, number: int) -> threading.Thread:
        read, write = os.pipe()
        os.dup2(write, number)
        os.close(write)
        thread = threading.Thread(
            target=self._read, args=(read, number == 2), name="driver output", daemon=True
        )
        thread.start()
        return thread

    def __exit__(self, *_) -> None:
        if self.stays:
            return
        _wait_for_sleep(_LATE)
        for number, kept in zip((1, 2), self._kept, strict=True):
            os.dup2(kept, number)
            os.close(kept)
        # Now the pipes have no writers, unless a driver has a copy.
        for thread in self._threads:
            thread.join(timeout=_LATE)
        for handler, stream in self._logging:
            handler.setStream(stream)
        ours, (sys.stdout, sys.stderr) = (sys.stdout, sys.stderr), self._python
        for stream in ours:
            with contextlib.suppress(OSError):
                stream.close()

    def _read(self, pipe: int, letters: bool) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(pipe, 1 << 16):
                for line in data.decode(errors="replace").splitlines():
                    self._take(line.strip(), letters)
        os.close(pipe)

    def _take(self, line: str, letters: bool) -> None:
        if letters and (told := _LETTERS.match(line)):
            self._letters.update(_LETTER.findall(told[0]))
            line = line[told.end() :].strip()
        if line:
            if _COMPLAINT.search(line):
                self.last = line
            log.info("driver: %s", line)


def _wait_for_sleep(limit: float) -> None:
    """Wait until all threads that are not Python's sleep: UHD prints from one of its own, which
    gets its turn late where other programs keep the processor."""
    ours = {thread.native_id for thread in threading.enumerate()}
    end = time.monotonic() + limit
    while any(map(_is_awake, _threads() - ours)) and time.monotonic() < end:
        time.sleep(1e-3)


def _threads() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/task")}


def _is_awake(thread: int) -> bool:
    """Whether a thread runs, or would if it had a processor."""
    try:
        state = Path(f"/proc/self/task/{thread}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:  # it has ended
        return False
    return state in "RD"


def _writes_to(stream, descriptors: tuple[int, ...]) -> bool:
    try:
        return stream.fileno() in descriptors
    except (AttributeError, OSError, ValueError):  # it is no file, or a closed one
        return False
