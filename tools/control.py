# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a link while it runs: `--control`, and what `percast tune` asks it.

ZeroMQ REQ/REP, one JSON object each way: verbs of `percast.tools.controls.table` with their
values, such as {"freq": 2.41e9, "gain": 20} (texts such as "2.41G" and "VGA=20" are understood),
are answered when they are done by {"ok": true, "took": {...}}, which tells what is in force now,
with "hints" for a person where there are any, or {"ok": false, "error": "..."}; {"status": true}
by {"ok": true, "status": {...}}, the tree of figures (`percast.blocks.stats.tree`); {"verbs": true}
by what each verb is, and is now. Verbs wait for others of their group only, and questions for
nobody. On this machine only: the socket has no password.
"""

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import asdict

import zmq
import zmq.asyncio

from percast.errors import PercastError, UsageError
from percast.flowgraphs.config import RunConfig
from percast.ipc import check_free
from percast.tools.controls import table
from percast.tools.controls.desk import Desk
from percast.tools.controls.turns import Turns

log = logging.getLogger(__name__)

_POLL_MS = 50
_CLOSE_SECONDS = 5.0
_LINGER_MS = 500  # for the last answers
_MAX_BYTES = 4096
_STARTING = "it is starting: ask again"


class ControlServer:
    """Answers requests in a thread of its own: questions at once, whatever is being done meanwhile.

    Args:
        address: tcp://127.0.0.1:PORT or ipc://PATH.

    Attributes:
        malformed: requests that made no sense.
        desk: has it done; None while the link is starting.

    Raises:
        UsageError: an address beyond this machine, or one that is taken.
    """

    def __init__(self, address: str):
        check_local(address)
        self.malformed = 0
        self.desk: Desk | None = None
        self._closing = threading.Event()
        self._turns: Turns | None = None
        self._under_way: set[asyncio.Task] = set()
        self._socket = zmq.Context.instance().socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, _LINGER_MS)
        self._socket.setsockopt(zmq.MAXMSGSIZE, _MAX_BYTES)
        try:
            check_free(address)
            self._socket.bind(address)
        except (OSError, zmq.ZMQError) as error:
            self._socket.close()
            raise UsageError(f"--control {address}: {error.strerror}; choose another") from error
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="percast control", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering; a driver that hangs while it is tuned is left behind."""
        self._closing.set()
        self._thread.join(_CLOSE_SECONDS)

    async def _serve(self) -> None:
        with self._socket:
            socket = zmq.asyncio.Socket.from_socket(self._socket)
            while not self._closing.is_set():
                try:
                    if await socket.poll(_POLL_MS):
                        frames = await socket.recv_multipart()
                        task = asyncio.create_task(self._reply(socket, frames))
                        self._under_way.add(task)
                        task.add_done_callback(self._under_way.discard)
                except zmq.ZMQError as error:
                    log.info("control: %s", error)
            if self._turns is not None:
                self._turns.close()
            await asyncio.gather(*self._under_way)

    async def _reply(self, socket: zmq.asyncio.Socket, frames: list[bytes]) -> None:
        if b"" not in frames:
            return  # of no REQ; who asks puts an empty frame before the request
        start = frames.index(b"") + 1
        answer = await self._answer(frames[start:])
        try:
            await socket.send_multipart([*frames[:start], json.dumps(answer).encode()])
        except zmq.ZMQError as error:
            log.info("control: %s", error)

    async def _answer(self, frames: list[bytes]) -> dict:
        try:
            request = _read(frames)
            question = next((q for q in ("status", "verbs") if request == {q: True}), None)
            asked = {} if question else table.parse(request)
        except ValueError as error:
            self.malformed += 1
            log.info("control: %s", error)
            return _refusal(error)
        try:
            if self.desk is None:
                return _refusal(_STARTING)
            if question == "status":
                return {"ok": True, "status": asdict(self.desk.link.stats())}
            if question == "verbs":
                return {"ok": True, "verbs": self.desk.describe()}
            self._turns = self._turns or Turns(self.desk)
            took = await self._turns.take_all(asked)
            hints = {name: hint for name in took if (hint := self.desk.hint(name))}
            return {"ok": True, "took": took, **({"hints": hints} if hints else {})}
        except PercastError as error:
            return _refusal(error)
        except Exception as error:  # noqa: BLE001 - whatever a driver does, the link goes on
            log.warning("control: %s", error)
            return _refusal(f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def listening(config: RunConfig) -> Iterator[ControlServer | None]:
    """A server at the address that is asked for; None where none is."""
    server = None if config.control is None else ControlServer(config.control)
    try:
        yield server
    finally:
        if server is not None:
            server.close()


def check_local(address: str) -> None:
    """Refuse addresses that other machines could reach.

    Raises:
        UsageError: naming the flag.
    """
    with RunConfig.told_as_flags():
        RunConfig(control=address)


def _read(frames: list[bytes]) -> dict:
    """The JSON object of a request.

    Raises:
        ValueError: it is none.
    """
    if len(frames) != 1:
        raise ValueError(f"expected one frame, got {len(frames)}")
    try:
        request = json.loads(frames[0])
    except (ValueError, RecursionError) as error:
        raise ValueError('not JSON; expected such as {"freq": 2.41e9, "gain": 20}') from error
    if not isinstance(request, dict):
        raise ValueError('expected an object of verbs, {"status": true} or {"verbs": true}')
    return request


def _refusal(reason: object) -> dict:
    return {"ok": False, "error": str(reason)}
