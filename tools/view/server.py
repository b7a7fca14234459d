# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's server, in a thread with a loop of its own."""

import contextlib
import errno
import logging
import secrets
import socket
import threading
from collections.abc import Iterator

from percast.blocks.stats.scoring import Scorer
from percast.errors import UsageError
from percast.tools import process
from percast.tools.controls.desk import Desk
from percast.tools.view.config import ViewConfig
from percast.tools.view.limits import Complaints

_CLOSE_SECONDS = 10.0  # a picture that is being decoded again may take its time
_CONNECTIONS = 96
_SEND_BUFFER = 1 << 17  # bytes, of each connection
_HEADER_BYTES = 16384
PORT_REFUSED = (errno.EADDRINUSE, errno.EACCES)
"""Errors for which the address's port is to blame, and not its host."""


@contextlib.contextmanager
def watch(config: ViewConfig, receiver, scorer: Scorer, desk: Desk) -> Iterator[str | None]:
    """Show a link while it runs.

    Args:
        config: whether and where.
        receiver, scorer: a `percast.flowgraphs.receiver.Receiver` and what scores it, to look into.
        desk: of the link.

    Returns:
        The page's address, which is printed too; None where nobody asked for it.

    Raises:
        UsageError: the packages are missing, or the address is taken.
    """
    if not config.view:
        yield None
        return
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(listen(config, "--view"))
        with _packages("--view"):
            from percast.tools.view.taps import Taps
        taps = Taps(receiver, scorer)
        stack.callback(taps.close)
        page = serve(config, listening, taps, desk, Complaints())
        yield stack.enter_context(page)


@contextlib.contextmanager
def _packages(who: str) -> Iterator[None]:
    """Raises UsageError where an import inside finds nothing."""
    try:
        yield
    except ImportError as error:
        raise UsageError(f"{who} needs: pip install 'percast[view]' ({error})") from error


@contextlib.contextmanager
def serve(
    config: ViewConfig,
    listening: socket.socket,
    taps,
    desk: Desk,
    complaints: Complaints,
    who: str = "--view",
) -> Iterator[str]:
    """Serve the page.

    Args:
        config: where.
        listening: there, by `listen`.
        taps: a `Taps`, or what does its work.
        desk: of the link.
        complaints: what is refused is counted there.
        who: serves it, for errors.

    Returns:
        The page's address, which is printed too.

    Raises:
        UsageError: the packages are missing.
    """
    with _packages(who):
        import uvicorn

        from percast.tools.view.app import make_app
    token = None if config.local else secrets.token_urlsafe(24)
    app = make_app(taps, desk, complaints, token)
    # Its lines about every connection would bury ours, and hold what clients sent.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # It waits for calls, and they may wait for an engine that compiles.
            app.state.live.leave()
            await super().shutdown(sockets)

    server = Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            ws="websockets-sansio",
            ws_max_size=4096,
            ws_max_queue=4,
            ws_per_message_deflate=False,
            lifespan="on",
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=_HEADER_BYTES,
            server_header=False,
            proxy_headers=False,
        )
    )
    thread = threading.Thread(
        target=server.run, args=([listening],), name="percast view", daemon=True
    )
    thread.start()
    address = _address(config, listening.getsockname()[1])
    process.say(f"view: {address}{f'#token={token}' if token else ''}")
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join(_CLOSE_SECONDS)


def listen(config: ViewConfig, who: str) -> socket.socket:
    """A socket at the page's address, to be closed by whoever asked; errors name `who`.

    Raises:
        UsageError: it is taken, or none of this machine's.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        listening = socket.create_server((config.host, config.port), family=family, backlog=64)
        # asyncio leaves it off for a socket made here: every reply would wait 40 ms for more.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # What lies in the kernel cannot be skipped any more; Linux would take megabytes.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        return listening
    except OSError as error:
        # `percast view` calls them --host and --port.
        flag = "--view-" if who == "--view" else "--"
        port = config.port and error.errno in PORT_REFUSED
        hint = f"choose another {flag}port, or 0" if port else f"choose another {flag}host"
        place = f"{config.host} port {config.port}"
        raise UsageError(f"{who}: {place}: {error.strerror}; {hint}") from error


def _address(config: ViewConfig, port: int) -> str:
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{port}/"
