# SPDX-License-Identifier: GPL-3.0-or-later
"""Verbs one after the other, without holding up the loop in which they are asked for."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from percast.errors import DeviceError, UsageError
from percast.tools import process
from percast.tools.controls.desk import Desk
from percast.tools.controls.table import VERBS
from percast.tools.controls.verb import Group

MOST_WAITING = 16  # calls of a group, behind a driver that hangs or an engine that compiles


class Abandoned(DeviceError):
    """Nobody waits any more for what is being done: the link ends."""


class Turns:
    """Has a desk do what is asked: at once what takes no time, the rest in threads, of each group
    one at a time. Of several calls of a verb that wait, only the newest is done.

    To be used in one loop.
    """

    def __init__(self, desk: Desk):
        self._desk = desk
        self._locks = {group: asyncio.Lock() for group in Group}
        self._waiting: Counter[Group] = Counter()
        self._newest: dict[tuple[str, frozenset[str]], object] = {}
        self._jobs: set[asyncio.Task] = set()
        self._closed = False

    async def take(self, name: str, value: Any) -> Any:
        """What is in force when it is done.

        Raises:
            Abandoned: the link ends before that.
            PercastError: it cannot be done, or a newer call has overtaken it.
        """
        if self._closed:
            raise Abandoned(f"{name}: the link ends")
        if self._desk.quick(name):
            return self._desk.do(name, value)
        group = VERBS[name].group
        if self._waiting[group] >= MOST_WAITING:
            raise UsageError(f"{name}: too many calls wait; ask again")
        job = asyncio.create_task(self._take(name, value, group))
        self._jobs.add(job)
        job.add_done_callback(self._ended)
        # It goes on when whoever asked has left.
        await asyncio.wait({job})
        if job.cancelled():
            raise Abandoned(f"{name}: the link ends")
        return job.result()

    async def take_all(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Several, one after the other; gives what is in force now, by name.

        Raises:
            PercastError: as `take`, of one of them: those after it are as before, and all where it
                is known before that the link lacks one.
        """
        self._desk.check(asked)
        return {name: await self.take(name, value) for name, value in asked.items()}

    async def _take(self, name: str, value: Any, group: Group) -> Any:
        # Stages of a gain that are set by themselves do not overtake each other.
        what = name, frozenset(value if isinstance(value, dict) else ())
        ticket = self._newest[what] = object()
        self._waiting[group] += 1
        try:
            async with self._locks[group]:
                if self._newest[what] is not ticket:
                    raise UsageError(f"{name}: a newer call has overtaken this one")
                return await _in_thread(lambda: self._desk.do(name, value))
        finally:
            self._waiting[group] -= 1

    def _ended(self, job: asyncio.Task) -> None:
        self._jobs.discard(job)
        if not job.cancelled():
            job.exception()  # whoever asked may have left: nobody needs to be told of it

    def close(self) -> None:
        """Wait for nobody. Those who wait are told so, and a driver that hangs or an engine that
        compiles is left behind when the process ends."""
        self._closed = True
        process.at_once |= any(lock.locked() for lock in self._locks.values())
        for job in self._jobs:
            job.cancel()


async def _in_thread(do: Callable[[], Any]) -> Any:
    """Not in an executor's: the interpreter waits for these at its end."""
    done: Future = Future()

    def run() -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            done.set_result(do())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            done.set_exception(error)

    threading.Thread(target=run, name="percast verb", daemon=True).start()
    return await asyncio.wrap_future(done)
