# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses: page, WebSocket, HTTP calls."""

import asyncio
import contextlib
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from percast.blocks.images.messages import encode_png
from percast.blocks.images.records import to_json
from percast.errors import PercastError
from percast.tools.controls.desk import Desk
from percast.tools.controls.table import VERBS
from percast.tools.controls.turns import Abandoned
from percast.tools.view import messages
from percast.tools.view.hub import Client
from percast.tools.view.live import Live
from percast.tools.view.openapi import schema
from percast.tools.web.body import read_body
from percast.tools.web.gate import PROTOCOL, Gate
from percast.tools.web.limits import Bucket, Complaints

_PAGE = Path(__file__).parent / "page"
_CALLS = 30.0, 60.0  # of a client a second, and at once: more than a dragged slider makes
_SEND_WITHIN = 20.0  # seconds for a client to take a message, or it is shut out
_BROKEN = (1002, 1003, 1007, 1009)  # protocol error, bad data, not UTF-8, too big (RFC 6455)
_MALFORMED, _TOO_MANY = "malformed message refused", "too many calls refused"


def make_app(taps, desk: Desk, complaints: Complaints, token: str | None) -> Starlette:
    """All of it, behind the gate; for the arguments see `Live`."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette):
        app.state.live, app.state.complaints = Live(taps, desk, complaints), complaints
        app.state.bucket = Bucket(*_CALLS)
        yield
        await app.state.live.close()

    app = Starlette(
        routes=[
            WebSocketRoute("/ws", socket),
            Route("/api/figures", get_figures, methods=["GET"]),
            Route("/api/picture.png", get_picture, methods=["GET"]),
            Route("/api/verbs", get_verbs, methods=["GET"]),
            *(Route(f"/api/{name}", post_verb, methods=["POST"]) for name in VERBS),
            Route("/openapi.json", get_openapi, methods=["GET"], include_in_schema=False),
            Mount("/", StaticFiles(directory=_PAGE, html=True)),
        ],
        lifespan=lifespan,
    )
    app.add_middleware(Gate, complaints=complaints, token=token)
    return app


async def get_figures(request: Request) -> Response:
    """The tree of figures."""
    if not request.app.state.bucket.take():
        return _refused(request, _TOO_MANY, 429)
    return _json(request.app.state.live.figures())


async def get_picture(request: Request) -> Response:
    """The picture on show as PNG, or the one of the last eight that has the key `picture`."""
    if not request.app.state.bucket.take():
        return _refused(request, _TOO_MANY, 429)
    shown = request.app.state.live.find(request.query_params.get("picture"))
    if shown is None:
        return _json({"error": "there is no such picture here (any more)"}, 404)
    data = await asyncio.to_thread(encode_png, shown.rgb)
    name = f'attachment; filename="{shown.key}.png"'
    return Response(data, media_type="image/png", headers={"content-disposition": name})


async def get_verbs(request: Request) -> Response:
    """What can be changed here: of each verb what it takes, what is in force now, and why this link
    lacks it, if it does."""
    if not request.app.state.bucket.take():
        return _refused(request, _TOO_MANY, 429)
    return _json(request.app.state.live.desk.describe())


async def post_verb(request: Request) -> Response:
    """A verb of `percast.tools.controls.table`."""
    state = request.app.state
    if not state.bucket.take():
        return _refused(request, _TOO_MANY, 429)
    try:
        body = await read_body(request, messages.MAX_BYTES)
    except TimeoutError:
        return _refused(request, "slow call refused", 408)
    try:
        asked = messages.parse(body, request.url.path.rpartition("/")[2])
    except ValueError as error:
        state.complaints.add(_MALFORMED, str(error))
        return _json({"error": str(error)}, 400)
    try:
        now = await state.live.do(asked)
    except PercastError as error:
        return _json({"error": str(error)}, 503 if isinstance(error, Abandoned) else 409)
    return _json({"ok": True, "now": now, "hint": state.live.desk.hint(asked.name)})


def _refused(request: Request, kind: str, status: int) -> Response:
    request.app.state.complaints.add(kind)
    return _json({"error": kind}, status)


def _json(content: dict, status: int = 200) -> Response:
    """ASCII, whatever text is echoed: not all of it can be encoded."""
    return Response(to_json(content), status, media_type="application/json")


async def get_openapi(request: Request) -> Response:
    """What can be called."""
    return _json(schema(request.app.routes))


async def socket(websocket: WebSocket) -> None:
    """A page: messages both ways until either end goes."""
    live: Live = websocket.app.state.live
    complaints: Complaints = websocket.app.state.complaints
    client = live.hub.join()
    if client is None:
        complaints.add("client refused: there are too many")
        await websocket.close()
        return
    try:
        asked = websocket.scope.get("subprotocols", [])
        await websocket.accept(PROTOCOL if PROTOCOL in asked else None)
        live.welcome(client)
        sender = asyncio.create_task(_send(websocket, client))
        reader = asyncio.create_task(_read(websocket, client))
        both = {sender, reader}
        _, rest = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        ends = await asyncio.gather(*both, return_exceptions=True)
        for end in ends:
            if isinstance(end, TimeoutError):
                complaints.add("client shut out: it reads nothing")
            elif isinstance(end, Exception) and not isinstance(end, WebSocketDisconnect):
                complaints.add("error", f"{type(end).__name__}: {end}")
    except WebSocketDisconnect:
        return  # before it was accepted
    finally:
        live.hub.leave(client)


async def _send(websocket: WebSocket, client: Client) -> None:
    while True:
        payload = await client.get()
        kind = "text" if isinstance(payload, str) else "bytes"
        async with asyncio.timeout(_SEND_WITHIN):
            await websocket.send({"type": "websocket.send", kind: payload})


async def _read(websocket: WebSocket, client: Client) -> None:
    live, complaints = websocket.app.state.live, websocket.app.state.complaints
    bucket = Bucket(*_CALLS)
    under_way: set[asyncio.Task] = set()
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            if message.get("code") in _BROKEN:
                complaints.add(_MALFORMED, f"the connection ended with code {message['code']}")
            raise WebSocketDisconnect
        if not bucket.take():
            complaints.add(_TOO_MANY)
            client.put("error", messages.text("error", error=_TOO_MANY))
            continue
        try:
            asked = messages.parse(message.get("text") or message.get("bytes") or "")
        except ValueError as error:
            complaints.add(_MALFORMED, str(error))
            client.put("error", messages.text("error", error=str(error)))
            continue
        if live.desk.quick(asked.name):
            await _obey(live, client, asked)
            continue
        task = asyncio.create_task(_obey(live, client, asked))
        under_way.add(task)
        task.add_done_callback(under_way.discard)


async def _obey(live: Live, client: Client, asked: messages.Asked) -> None:
    try:
        await live.do(asked)
    except PercastError as error:
        client.put("error", messages.text("error", error=str(error), name=asked.name))
