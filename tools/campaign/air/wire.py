# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to an end and its answers, over ZeroMQ REQ/REP: one JSON object, then frames of bytes.

    {"do": "open", "direction": "transmit", "radio": {...}, "air": {...}}
    {"do": "send", "session": 7, "image": 1, "coded": {...}} + symbols, complex64
    {"do": "collect", "session": 7, "image": 1, "timeout": 0.5}
    {"do": "gain", "gain": 20}, {"do": "status", "look": true}, {"do": "close"}

are answered by {"ok": true, ...} or {"ok": false, "error": "..."}. "look" sees whether samples
move, which takes a moment. Addresses that other machines reach need keys, as `percast keys` makes
them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import zmq

from percast.blocks.images.zmq_images import check_address
from percast.blocks.images.zmq_keys import CurveClient, CurveServer
from percast.errors import DeviceError, PercastError, UsageError
from percast.ipc import check_free

Answer = tuple[dict[str, Any], list[bytes]]
Handler = Callable[[dict[str, Any], Sequence[bytes]], Answer]

_POLL_MS = 50
_MOST_BYTES = 64_000_000


class Server:
    """Answers, one question at a time, in the thread that calls `serve`.

    Args:
        address: to listen on.
        keys: folder of keys; needed where other machines reach it.

    Raises:
        UsageError: an address that is taken, or is open to others without keys.
    """

    def __init__(self, address: str, keys: str | None):
        try:
            check_address(address, insecure=False, keys=keys)
        except UsageError as error:
            raise UsageError(f"--control {str(error).removeprefix('zmq:')}") from error
        self._context = zmq.Context()
        self._guard = CurveServer(keys) if keys else None
        self._socket = self._context.socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 200)
        self._socket.setsockopt(zmq.MAXMSGSIZE, _MOST_BYTES)
        if self._guard is not None:
            self._guard.protect(self._context, self._socket)
        try:
            check_free(address)
            self._socket.bind(address)
        except (OSError, zmq.ZMQError) as error:
            self.close()
            raise UsageError(f"--control {address}: {error.strerror}; choose another") from error
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def serve(self, handler: Handler, ended: Callable[[], bool]) -> None:
        """Answer until it has ended."""
        while not ended():
            if self._socket.poll(_POLL_MS):
                head, frames = self._answer(self._socket.recv_multipart(), handler)
                self._socket.send_multipart([json.dumps(head).encode(), *frames])

    def close(self) -> None:
        self._socket.close()
        if self._guard is not None:
            self._guard.close()
        self._context.term()

    def _answer(self, frames: Sequence[bytes], handler: Handler) -> Answer:
        try:
            asked = json.loads(frames[0])
            if not isinstance(asked, dict):
                raise TypeError("not an object")
            head, blobs = handler(asked, frames[1:])
            return {"ok": True, **head}, blobs
        except PercastError as error:
            return {"ok": False, "error": str(error), "code": error.exit_code}, []
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
            reason = f"the question makes no sense ({type(error).__name__}: {error})"
            return {"ok": False, "error": reason, "code": UsageError.exit_code}, []


class Silent(DeviceError):
    """An end does not answer."""


class Client:
    """Asks an end.

    Args:
        address: of it.
        keys: folder with the end's `server.key` and a pair of ours, `NAME.key_secret`.

    Raises:
        FileError: the folder lacks keys, or they are damaged.
        UsageError: it holds the keys of several, or libzmq cannot encrypt.
    """

    def __init__(self, address: str, keys: str | None):
        self.address = address
        self._keys = _keys(keys) if keys else None
        self._context = zmq.Context()
        self._socket: zmq.Socket | None = None

    def ask(
        self, head: Mapping[str, Any], frames: Sequence[bytes] = (), timeout: float = 10.0
    ) -> Answer:
        """An answer.

        Raises:
            Silent: nobody answered in so many seconds.
            DeviceError, UsageError: it says so.
        """
        socket = self._socket or self._connect()
        try:
            socket.send_multipart([json.dumps(head).encode(), *frames])
            if not socket.poll(round(1e3 * timeout)):
                theirs = " with the other half of these keys" if self._keys else ""
                raise Silent(
                    f"{self.address}: does not answer; is `percast campaign end` running{theirs}?"
                )
            answer, *blobs = socket.recv_multipart()
            told = json.loads(answer)
        except (zmq.ZMQError, ValueError, Silent) as error:
            self._forget()  # a REQ socket without its answer is of no more use
            raise (
                error if isinstance(error, Silent) else Silent(f"{self.address}: {error}")
            ) from error
        except BaseException:  # Ctrl-C: the end is still to be told to let go
            self._forget()
            raise
        if not told.get("ok"):
            kind = UsageError if told.get("code") == UsageError.exit_code else DeviceError
            raise kind(str(told.get("error"))[:500])
        return told, blobs

    def close(self) -> None:
        self._forget()
        self._context.term()

    def _connect(self) -> zmq.Socket:
        self._socket = socket = self._context.socket(zmq.REQ)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.MAXMSGSIZE, _MOST_BYTES)
        if self._keys is not None:
            self._keys.protect(socket)
        socket.connect(self.address)
        return socket

    def _forget(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _keys(folder: str) -> CurveClient:
    """A plan names a folder, and nobody in it."""
    return CurveClient(folder, asked="keys", choose="leave one NAME.key_secret there")
