# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves the page while a link runs."""

import contextlib
import secrets
import socket
from collections.abc import Iterator

from percast.blocks.stats.scoring import Scorer
from percast.tools import process
from percast.tools.controls.desk import Desk
from percast.tools.view.config import ViewConfig
from percast.tools.web import server as web
from percast.tools.web.limits import Complaints

_CONNECTIONS = 96
# Bytes of each connection. What lies in the kernel cannot be skipped any more; Linux would take
# megabytes.
_SEND_BUFFER = 1 << 17


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
        with web.needing("--view", "view"):
            from percast.tools.view.taps import Taps
        taps = Taps(receiver, scorer)
        stack.callback(taps.close)
        page = serve(config, listening, taps, desk, Complaints("view"))
        yield stack.enter_context(page)


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
    with web.needing(who, "view"):
        from percast.tools.view.app import make_app
    token = None if config.local else secrets.token_urlsafe(24)
    app = make_app(taps, desk, complaints, token)
    with web.serving(
        app,
        listening,
        "percast view",
        connections=_CONNECTIONS,
        grace=1,
        # Calls may wait for an engine that compiles.
        leave=lambda: app.state.live.leave(),
        ws="websockets-sansio",
        ws_max_size=4096,
        ws_max_queue=4,
        ws_per_message_deflate=False,
        lifespan="on",
    ):
        address = web.address(config.host, listening.getsockname()[1]) + "/"
        process.say(f"view: {address}{f'#token={token}' if token else ''}")
        yield address


def listen(config: ViewConfig, who: str) -> socket.socket:
    """A socket at the page's address, to be closed by whoever asked; errors name `who`.

    Raises:
        UsageError: it is taken, or none of this machine's.
    """
    flags = "--view-" if who == "--view" else "--"  # `percast view` calls them --host and --port
    return web.listen(config.host, config.port, who, flags, _SEND_BUFFER)
