# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves an ASGI application, in a thread with a loop of its own. Requests are not logged: lines
about every connection would bury ours, and hold addresses and what clients sent."""

import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Callable, Iterator

from percast.errors import UsageError

_CLOSE_SECONDS = 10.0  # a picture that is being decoded again may take its time
_HEADER_BYTES = 16384
# Errors for which the address's port is to blame, and not its host.
_PORT_REFUSED = (errno.EADDRINUSE, errno.EACCES)


@contextlib.contextmanager
def needing(who: str, extra: str) -> Iterator[None]:
    """Raises UsageError where there is no uvicorn, or an import inside finds nothing.

    Args:
        who: needs it.
        extra: what to install, such as "view".
    """
    try:
        import uvicorn  # noqa: F401 - not only when everything else has begun

        yield
    except ImportError as error:
        raise UsageError(f"{who} needs: pip install 'percast[{extra}]' ({error})") from error


def listen(
    host: str, port: int, who: str, flags: str = "--", send_buffer: int | None = None
) -> socket.socket:
    """A socket there, to be closed by whoever asked.

    Args:
        host: IP address, or localhost.
        port: 0 for any that is free.
        who: asks, for errors.
        flags: what the names of the flags of both begin with, for errors.
        send_buffer: bytes of each connection in the kernel; None leaves it to the system.

    Raises:
        UsageError: it is taken, or none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=64)
        # Inherited by connections; asyncio sets it only where the socket names its protocol, and
        # without it every reply waits 40 ms for an acknowledgement (Nagle).
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if send_buffer is not None:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        return listening
    except OSError as error:
        blamed = port and error.errno in _PORT_REFUSED
        hint = f"choose another {flags}port, or 0" if blamed else f"choose another {flags}host"
        raise UsageError(f"{who}: {host} port {port}: {error.strerror}; {hint}") from error


@contextlib.contextmanager
def serving(
    app,
    listening: socket.socket,
    name: str,
    *,
    connections: int,
    grace: int,
    leave: Callable[[], None] = lambda: None,
    **settings,
) -> Iterator[threading.Thread]:
    """Serve while the block runs; gives the server's thread.

    Args:
        app: to be served.
        listening: where, by `listen`.
        name: of the thread.
        connections: at once, more are refused.
        grace: seconds that calls have in the end.
        leave: called before they are waited for.
        settings: others of `uvicorn.Config`.

    Raises:
        ImportError: there is no uvicorn; see `needing`.
    """
    import uvicorn

    logging.getLogger("uvicorn").setLevel(logging.ERROR)

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            leave()
            await super().shutdown(sockets)

    server = Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            limit_concurrency=connections,
            timeout_graceful_shutdown=grace,
            h11_max_incomplete_event_size=_HEADER_BYTES,
            server_header=False,
            proxy_headers=False,
            **settings,
        )
    )
    thread = threading.Thread(target=server.run, args=([listening],), name=name, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join(_CLOSE_SECONDS)


def address(host: str, port: int) -> str:
    """The URL of a server that listens there, without a path."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
