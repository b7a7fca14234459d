# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the study's server until Ctrl-C."""

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from percast.tools.study.answers import Answers
from percast.tools.study.config import ServeConfig
from percast.tools.study.names import Names
from percast.tools.study.plan import Folder
from percast.tools.web import server as web
from percast.tools.web.limits import Complaints

_CONNECTIONS = 512
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
    with web.needing("study serve", "study"):
        from percast.tools.study.app import Desk, make_app
    names = Names(folder.secret())
    slots = answers.personal(config.links, names.observer)
    desk = Desk(folder, answers, names, Complaints("study"), config.closed)
    with web.listen(config.host, config.port, "study serve") as listening:
        place = config.public or address_of(config, listening.getsockname()[1])

        def link(kind: str, token: str) -> str:
            return f"{place}/#{kind}={token}"

        personal = [link("observer", names.observer(slot)) for slot in slots]
        invitation = None if config.closed else link("join", names.invitation())
        with web.serving(
            make_app(desk, config.public),
            listening,
            "percast study",
            connections=_CONNECTIONS,
            grace=2,
            ws="none",
            lifespan="off",
        ) as thread:
            yield Served(invitation, personal, thread)


def address_of(config: ServeConfig, port: int) -> str:
    """By which observers reach a server that listens there."""
    host = config.host
    if host != "localhost" and ipaddress.ip_address(host).is_unspecified:
        host = _own_address(socket.AF_INET6 if ":" in host else socket.AF_INET)
    return web.address(host, port)


def _own_address(family: socket.AddressFamily) -> str:
    """By which others on the network reach this machine, or, where there is none, it reaches
    itself; nothing is sent to find it out."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[family], 9))
            return probe.getsockname()[0]
    except OSError:
        return _HERE[family]
