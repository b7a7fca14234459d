# SPDX-License-Identifier: GPL-3.0-or-later
"""Verbs one after the other, without holding the page up."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from percast.errors import UsageError
from percast.tools.controls.desk import Desk
from percast.tools.controls.table import VERBS
from percast.tools.controls.verb import Group

MOST_WAITING = 16  # calls of a group, behind a driver that hangs or an engine that compiles


class Turns:
    """Has a desk do what is asked: at once what takes no time, the rest in threads, of each group
    one at a time. Of several calls of a verb that wait, only the newest is done.

    To be used in one loop.
    """

    def __init__(self, desk: Desk):
        self._desk = desk
        self._locks = {group: asyncio.Lock() for group in Group}
        self._waiting: Counter[Group] = Counter()
        self._newest: dict[str, object] = {}
        self._threads = ThreadPoolExecutor(len(Group), "percast view verbs")
        self._jobs: set[asyncio.Task] = set()

    async def take(self, name: str, value: Any) -> Any:
        """What is in force when it is done.

        Raises:
            PercastError: it cannot be done, or a newer call has overtaken it.
        """
        if VERBS[name].quick:
            return self._desk.do(name, value)
        group = VERBS[name].group
        if self._waiting[group] >= MOST_WAITING:
            raise UsageError(f"{name}: too many calls wait; ask again")
        job = asyncio.create_task(self._take(name, value, group))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        # It goes on when whoever asked has left.
        return await asyncio.shield(job)

    async def _take(self, name: str, value: Any, group: Group) -> Any:
        ticket = self._newest[name] = object()
        self._waiting[group] += 1
        try:
            async with self._locks[group]:
                if self._newest[name] is not ticket:
                    raise UsageError(f"{name}: a newer call has overtaken this one")
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, self._desk.do, name, value)
        finally:
            self._waiting[group] -= 1

    def close(self) -> None:
        """Wait for nobody."""
        for job in self._jobs:
            job.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
