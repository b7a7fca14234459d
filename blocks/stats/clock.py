# SPDX-License-Identifier: GPL-3.0-or-later
"""The time at which pictures are read and decoded, whatever somebody does to the wall clock.

Within a process times are seconds since 1970 as the wall clock stood when it began, and go on
with a clock that nobody sets. Between processes a time travels as microseconds since 1970 of the
sender's wall clock, under a mark that says which clock that is: one start of one machine, and how
far its wall clock lies from the one that nobody sets. A receiver that finds the mark of its own
clock knows the time of reading; any other clock may be off by years.
"""

import time
import zlib
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_TIME_BITS = 52  # of the 64 that travel: microseconds until the year 2112; the mark above them
_MARKS = (1 << (64 - _TIME_BITS)) - 1
_QUANTUM = 1 / 256  # seconds: how finely a mark tells where a wall clock stands
_TRIES = 4  # readings of two clocks, of which the tightest holds
_REMEMBERED = 16  # places where the wall clock stood


class SteadyClock:
    """A wall clock that is not set any more.

    Args:
        wall: seconds since 1970, may jump.
        steady: seconds since whenever, never jumps; the same in all processes of a machine.
        machine: differs between machines, and between two starts of one; empty where unknown.
    """

    def __init__(self, wall=time.time, steady=None, machine: str | None = None):
        self._wall = wall
        self._steady = steady or _since_boot
        self._machine = _boot_id() if machine is None else machine
        self._began = self._offset()
        self._seen: dict[int, float] = {}  # number of the quantum -> where the wall clock stood
        self._note(self._began)

    def now(self) -> float:
        """Seconds since 1970, by the wall clock as it stood when this began."""
        return self._steady() + self._began

    def to_stamp(self, when: float) -> int:
        """A time of `now` as 64 bits for receivers: microseconds of today's wall clock, marked."""
        offset = self._offset()
        quantum = self._note(offset)
        return self._mark(quantum) << _TIME_BITS | int((when - self._began + offset) * 1e6)

    def from_stamp(self, stamp: int) -> tuple[float, bool]:
        """The seconds that a stamp tells, and whether they are times of `now`: that it was made on
        this machine, or rather bears its mark. If not, they are the sender's own."""
        mark, seconds = stamp >> _TIME_BITS, (stamp & ((1 << _TIME_BITS) - 1)) / 1e6
        self._note(self._offset())
        if mark:
            for quantum, offset in self._seen.items():
                if mark in (self._mark(quantum + i) for i in (-1, 0, 1)):
                    when = seconds + (self._began - offset)
                    if when <= self.now():
                        return when, True
        return seconds, False

    def _offset(self) -> float:
        """How far the wall clock lies from the steady one, seconds."""
        readings = []
        for _ in range(_TRIES):
            before, wall, after = self._steady(), self._wall(), self._steady()
            readings.append((after - before, wall - after))
        return min(readings)[1]

    def _note(self, offset: float) -> int:
        quantum = round(offset / _QUANTUM)
        if all(quantum + i not in self._seen for i in (-1, 0, 1)):
            self._seen[quantum] = offset
            for old in list(self._seen)[:-_REMEMBERED]:
                del self._seen[old]
        return quantum

    def _mark(self, quantum: int) -> int:
        """1 to `_MARKS`, or 0 where nobody knows which machine this is."""
        if not self._machine:
            return 0
        return 1 + zlib.crc32(f"{self._machine} {quantum}".encode()) % _MARKS


def _since_boot() -> float:
    """Unlike the monotonic clock this one goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _boot_id() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


CLOCK = SteadyClock()
"""This process's."""
