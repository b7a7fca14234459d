# SPDX-License-Identifier: GPL-3.0-or-later
"""Those who look: browsers in miniature, some of which never read, and viewers over zmq."""

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Iterator

import zmq
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from percast.blocks.images.messages import PICTURES, TOPICS

_DEAF = 3  # every so manyth client never reads


class _Count:
    """Messages that came, over all."""

    def __init__(self) -> None:
        self.messages = 0


@contextlib.contextmanager
def at_page(address: str, clients: int) -> Iterator[_Count]:
    """So many WebSockets on a page; of several, some that never read."""
    deaf = clients // _DEAF
    count, ended = _Count(), threading.Event()

    async def listen(url: str) -> None:
        async with connect(url, max_size=1 << 23) as ws:
            with contextlib.suppress(ConnectionClosed):  # the receiver may end first
                while not ended.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(ws.recv(), 0.5)
                        count.messages += 1

    async def all_listen(url: str) -> None:
        await asyncio.gather(*(listen(url) for _ in range(clients - deaf)))

    url = address.replace("http", "ws") + "ws"
    thread = threading.Thread(target=lambda: asyncio.run(all_listen(url)), daemon=True)
    thread.start()
    silent = [_never_read(address) for _ in range(deaf)]
    try:
        yield count
    finally:
        ended.set()
        thread.join()
        for raw in silent:
            raw.close()


def _never_read(address: str) -> socket.socket:
    port = int(re.search(r":(\d+)/", address)[1])
    raw = socket.create_connection(("127.0.0.1", port))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.sendall(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return raw


@contextlib.contextmanager
def over_zmq(address: str, clients: int) -> Iterator[_Count]:
    """So many subscribers to all that a receiver publishes; of several, some that never read."""
    count, ended = _Count(), threading.Event()
    deaf = clients // _DEAF
    with zmq.Context() as context:
        sockets = [context.socket(zmq.SUB) for _ in range(clients)]
        for one in sockets:
            one.rcvhwm, one.linger = 8, 0
            for topic in (PICTURES, *TOPICS):
                one.subscribe(topic)
            one.connect(address)

        def listen() -> None:
            poller = zmq.Poller()
            for one in sockets[deaf:]:
                poller.register(one, zmq.POLLIN)
            while not ended.is_set():
                for one, _ in poller.poll(200):
                    one.recv_multipart()
                    count.messages += 1

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield count
        finally:
            ended.set()
            thread.join()
            context.destroy(linger=0)
