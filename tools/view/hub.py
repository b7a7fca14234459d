# SPDX-License-Identifier: GPL-3.0-or-later
"""Those who look. Everything here runs in the server's loop."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

Payload = str | bytes

MOST = 32  # clients at once
URGENT = "again"  # kind of message


@dataclass(eq=False)
class Client:
    """A mailbox with room for one message of each kind: one that does not read in time gets the
    newest, and what it missed is counted.

    Attributes:
        skipped: messages that it missed.
    """

    skipped: int = 0
    _waiting: dict[str, Payload] = field(default_factory=dict)
    _some: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, kind: str, payload: Payload) -> None:
        self.skipped += kind in self._waiting
        self._waiting[kind] = payload
        self._some.set()

    async def get(self) -> Payload:
        """The message that has waited longest, but first what somebody has asked for."""
        while not self._waiting:
            self._some.clear()
            await self._some.wait()
        urgent = URGENT if URGENT in self._waiting else next(iter(self._waiting))
        return self._waiting.pop(urgent)


class Hub:
    """All clients.

    Args:
        on_change: called when the first comes and when the last has gone.

    Attributes:
        skipped: messages that clients of the past missed.
    """

    def __init__(self, on_change: Callable[[bool], None]):
        self._clients: set[Client] = set()
        self._on_change = on_change
        self._gone_skipped = 0
        self.somebody = asyncio.Event()

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def skipped(self) -> int:
        """Messages that slow clients missed."""
        return self._gone_skipped + sum(client.skipped for client in self._clients)

    def join(self) -> Client | None:
        """A new client; None where there is no room."""
        if len(self._clients) >= MOST:
            return None
        client = Client()
        self._clients.add(client)
        if len(self._clients) == 1:
            self.somebody.set()
            self._on_change(True)
        return client

    def leave(self, client: Client) -> None:
        self._clients.remove(client)
        self._gone_skipped += client.skipped
        if not self._clients:
            self.somebody.clear()
            self._on_change(False)

    def tell(self, kind: str, payload: Payload) -> None:
        """Leave a message for everybody."""
        for client in self._clients:
            client.put(kind, payload)
