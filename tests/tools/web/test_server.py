# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is served listens, answers and ends alike."""

import builtins
import http.client
import socket
import threading

import pytest

pytest.importorskip("uvicorn")

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from percast.errors import UsageError
from percast.tools.web import body
from percast.tools.web.server import listen, needing, serving

pytestmark = pytest.mark.timeout(60)


async def length(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers how much of a body was read, of ten bytes that are allowed."""
    request = Request(scope, receive)
    try:
        text = str(len(await body.read_body(request, 10)))
    except TimeoutError:
        text = "slow"
    await PlainTextResponse(text)(scope, receive, send)


def ask(port: int, send) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    send(connection)
    reply = connection.getresponse()
    assert "server" not in reply.headers
    return reply.read().decode()


def test_a_body_is_read_until_it_is_too_long_or_too_slow(monkeypatch):
    monkeypatch.setattr(body, "_WITHIN", 0.2)

    def unfinished(connection: http.client.HTTPConnection) -> None:
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", "10")
        connection.endheaders(b"12345")

    left = []
    with listen("127.0.0.1", 0, "view") as listening:
        port = listening.getsockname()[1]
        plain = {"ws": "none", "lifespan": "off", "leave": lambda: left.append(True)}
        with serving(length, listening, "test", connections=9, grace=1, **plain) as thread:
            assert thread in threading.enumerate()
            assert ask(port, lambda c: c.request("POST", "/", b"1234567890")) == "10"
            # Whatever is sent beyond is not taken in.
            assert 10 < int(ask(port, lambda c: c.request("POST", "/", b"1" * 10_000_000))) < 1e6
            assert ask(port, unfinished) == "slow"
        assert left == [True] and not thread.is_alive()


def test_a_reply_never_waits_for_an_acknowledgement():
    with listen("127.0.0.1", 0, "view") as listening:
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_that_is_taken_or_not_ours_is_one_line_with_the_flag_to_change():
    with listen("127.0.0.1", 0, "view") as listening:
        port = listening.getsockname()[1]
        with pytest.raises(UsageError, match=r"^page: .* choose another --view-port, or 0$"):
            listen("127.0.0.1", port, "page", "--view-")
    for port in (0, 8765):
        with pytest.raises(UsageError, match=rf"^page: 192.0.2.1 port {port}: .* another --host$"):
            listen("192.0.2.1", port, "page")


def test_what_must_be_installed_is_told_before_anything_has_begun(monkeypatch):
    def without(name, *rest, real=builtins.__import__):
        if name == "uvicorn":
            raise ImportError("No module named 'uvicorn'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"study serve needs: pip install 'percast\[study\]'"):
        with needing("study serve", "study"):
            pytest.fail("began")
