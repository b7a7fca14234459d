# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the study's server until Ctrl-C. Requests are not logged: they hold addresses."""

import contextlib
import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from percast.errors import UsageError
from percast.tools.study.answers import Answers
from percast.tools.study.config import ServeConfig
from percast.tools.study.names import Names
from percast.tools.study.plan import Folder
from percast.tools.view.limits import Complaints

_CONNECTIONS = 512
_CLOSE_SECONDS = 10.0
_HEADER_BYTES = 16384
# Addresses for documentation (RFC 5737 and 3849), and a machine's own.
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
_HERE = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@dataclass(frozen=True)
class Served:
    """A study that is being served.

    Attributes:
        invitation: link by which anybody joins; None where nobody does.
        personal: links of the operator's own observers.
        thread: of the server.
    """

    invitation: str | None
    personal: list[str]
    thread: threading.Thread

    def wait(self) -> None:
        """Until Ctrl-C. Not by `join`: Python 3.11 takes a thread for ended whose join is broken
        off (CPython's issue 89437)."""
        while self.thread.is_alive():
            time.sleep(0.2)


@contextlib.contextmanager
def serving(folder: Folder, answers: Answers, config: ServeConfig) -> Iterator[Served]:
    """Serve a study while the block runs.

    Raises:
        UsageError: packages are missing, or the address is taken.
    """
    try:
        import uvicorn

        from percast.tools.study.app import Desk, make_app
    except ImportError as error:
        raise UsageError(f"study serve needs: pip install 'percast[study]' ({error})") from error
    names = Names(folder.secret())
    slots = answers.personal(config.links, names.observer)
    listening = _listen(config)
    desk = Desk(folder, answers, names, Complaints("study"), config.closed)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(desk, config.public),
            log_config=None,
            access_log=False,
            ws="none",
            lifespan="off",
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=_HEADER_BYTES,
            server_header=False,
            proxy_headers=False,
        )
    )
    thread = threading.Thread(
        target=server.run, args=([listening],), name="percast study", daemon=True
    )
    thread.start()
    place = config.public or address_of(config, listening.getsockname()[1])

    def link(kind: str, token: str) -> str:
        return f"{place}/#{kind}={token}"

    personal = [link("observer", names.observer(slot)) for slot in slots]
    try:
        invitation = None if config.closed else link("join", names.invitation())
        yield Served(invitation, personal, thread)
    finally:
        server.should_exit = True
        thread.join(_CLOSE_SECONDS)
        listening.close()


def _listen(config: ServeConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        listening = socket.create_server((config.host, config.port), family=family, backlog=64)
        # Inherited by connections; asyncio sets it only where the socket names its protocol, and
        # without it every reply waits 40 ms for an acknowledgement (Nagle).
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        hint = "choose another --port, or 0" if config.port else "choose another --host"
        place = f"{config.host} port {config.port}"
        raise UsageError(f"{place}: {error.strerror}; {hint}") from error


def address_of(config: ServeConfig, port: int) -> str:
    """By which observers reach a server that listens there."""
    host = config.host
    if host != "localhost" and ipaddress.ip_address(host).is_unspecified:
        host = _own_address(socket.AF_INET6 if ":" in host else socket.AF_INET)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _own_address(family: socket.AddressFamily) -> str:
    """By which others on the network reach this machine, or, where there is none, it reaches
    itself; nothing is sent to find it out."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[family], 9))
            return probe.getsockname()[0]
    except OSError:
        return _HERE[family]
