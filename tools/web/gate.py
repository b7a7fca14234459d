# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may come in: every request passes here first.

A page of another site must not reach into ours through its visitor's browser: `Host` must be an
address and not a foreign name (DNS rebinding), and `Origin`, where a browser sends one, must be
our own. Where other machines can come, a token is asked for beside that: "Authorization: Bearer
TOKEN", or of a WebSocket, which cannot have that header in a browser, the subprotocol
"token.TOKEN". It is never part of an address, and so of no log and no history.
"""

import asyncio
import ipaddress
import re
import secrets

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from percast.tools.web.limits import Complaints

PROTOCOL = "percast"
_TOKEN = "token."
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(:\d{1,5})?")
_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        b"form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Gate:
    """ASGI middleware.

    Args:
        app: behind it.
        complaints: counts who was refused.
        token: that "/ws" and "/api" need; None for none.
    """

    def __init__(self, app: ASGIApp, complaints: Complaints, token: str | None):
        self._app, self._complaints, self._token = app, complaints, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        began = False

        async def guarded(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        reason = self._refusal(scope)
        if reason is None:
            try:
                await self._app(scope, receive, guarded)
            except asyncio.CancelledError:  # the server ends: nobody's fault, and no traceback
                if scope["type"] == "http" and not began:
                    await PlainTextResponse("this server ends\n", 503)(scope, receive, guarded)
            return
        kind, status = reason
        self._complaints.add(kind)
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).close()  # before it is accepted: HTTP 403
        else:
            await PlainTextResponse(f"{kind}\n", status)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> tuple[str, int] | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not _is_address(host):
            return "foreign Host refused", 403
        if origin is not None and origin != f"http://{host}":
            return "foreign Origin refused", 403
        closed = scope["path"] == "/ws" or scope["path"].startswith("/api")
        if self._token is not None and closed and not self._knows(headers):
            return "wrong token refused", 401
        return None

    def _knows(self, headers: Headers) -> bool:
        offered = headers.get("authorization", "").removeprefix("Bearer ")
        for protocol in headers.get("sec-websocket-protocol", "").split(","):
            if protocol.strip().startswith(_TOKEN):
                offered = protocol.strip().removeprefix(_TOKEN)
        # Bytes, for text that is not ASCII cannot be compared in constant time.
        return secrets.compare_digest(offered.encode(), self._token.encode())


def _is_address(host: str) -> bool:
    """Whether a Host header is an IP address or localhost, with or without a port."""
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    if found[1] == "localhost":
        return True
    try:
        ipaddress.ip_address(found[1].removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
