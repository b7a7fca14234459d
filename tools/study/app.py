# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of a study: the page, and the calls that it makes.

    POST /api/join      a new observer, by the invitation's token   -> {"observer": token}
    POST /api/hello     what the study is and how far one is        -> {"title", ..., "done", "of"}
    POST /api/begin     consent, display check                      -> {"done", "of"}
    POST /api/trials    this trial and the next                     -> {"done", "of", "trials"}
    GET  /api/picture/NAME                                          -> PNG
    POST /api/answer    once or more often                          -> {"done", "of"}

All but the page ask for "Authorization: Bearer TOKEN". Whatever a trial is, its replies have the
same fields of the same length, and pictures of one size the same bytes around the same number of
samples: nothing but what can be seen tells conditions apart.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from percast.errors import PercastError
from percast.tools.study import messages
from percast.tools.study.answers import Answers
from percast.tools.study.names import Names
from percast.tools.study.plan import ORIGINAL, Folder
from percast.tools.study.schedule import Trial, trials_of
from percast.tools.web.body import read_body
from percast.tools.web.gate import Gate
from percast.tools.web.limits import Bucket, Complaints

PLACES = ("left", "right", "original")
_PAGE = Path(__file__).parent / "page"
_PIECE = 1 << 20  # bytes of a picture in memory, for each who loads one
_JOIN = 2.0, 40.0  # observers a second, and at once: a full room, but nobody fills the disk
_CALLS = 40.0, 120.0  # calls of one observer a second, and at once; a trial makes five
_WRONG = 5.0, 50.0  # calls with a wrong token a second, of all the world


class Refused(Exception):
    """A call that is not answered: status, and what to say."""

    def __init__(self, status: int, text: str, counted: bool = True):
        super().__init__(text)
        self.status, self.counted = status, counted


class Desk:
    """What all calls share.

    Args:
        folder, answers, names: of the study.
        complaints: counts what was refused.
        closed: nobody joins by the invitation.
    """

    def __init__(
        self, folder: Folder, answers: Answers, names: Names, complaints: Complaints, closed: bool
    ):
        self.folder, self.study = folder, folder.study
        self.answers, self.names, self.complaints = answers, names, complaints
        self.closed = closed
        self._joining, self._wrong = Bucket(*_JOIN), Bucket(*_WRONG)
        self._buckets: dict[int, Bucket] = {}
        self.trials = lru_cache(maxsize=256)(lambda slot: trials_of(self.study, slot))

    def join(self, token: str) -> str:
        """A new observer's token."""
        if self.closed or not self.names.is_invitation(token):
            raise self._stranger()
        if not self._joining.take():
            raise Refused(429, "too many at once: try again in a moment")
        return self.names.observer(self.answers.join(self.names.observer))

    def observer(self, token: str) -> int:
        """Whose token that is."""
        slot = self.answers.slot_of(token)
        if slot is None:
            raise self._stranger()
        if not self._buckets.setdefault(slot, Bucket(*_CALLS)).take():
            raise Refused(429, "too many calls")
        return slot

    def _stranger(self) -> Refused:
        if not self._wrong.take():
            return Refused(429, "too many wrong links")
        return Refused(401, "this link is not one of this study")

    def hello(self, slot: int) -> dict:
        """What the page shows before the first trial."""
        study = self.study
        return {
            "title": study.title,
            "question": study.words,
            "equal": study.equal,
            "original": study.original,
            "consent": study.consent,
            "asks": study.asks,
            "begun": self.answers.agreed(slot),
            **self.progress(slot),
        }

    def progress(self, slot: int) -> dict:
        """How far an observer is."""
        return {"done": self.answers.done(slot), "of": len(self.trials(slot))}

    def begin(self, slot: int, message: dict) -> dict:
        """Consent and display check."""
        begun = messages.parse_begin(message, self.study)
        if not self.answers.done(slot):  # sent again later it would overwrite what was said
            self.answers.agree(slot, *begun)
        return self.progress(slot)

    def next(self, slot: int) -> dict:
        """The trial whose turn it is, and the one after it to load ahead; null after the last."""
        if not self.answers.agreed(slot):
            raise Refused(409, "nobody takes part without agreeing", counted=False)
        about = self.progress(slot)
        trials = self.trials(slot)[about["done"] : about["done"] + 2]
        told = [self._told(slot, trial) for trial in trials]
        return {**about, "trials": told + [None] * (2 - len(told))}

    def _told(self, slot: int, trial: Trial) -> dict:
        shown = self.study.pictures[trial.picture]
        places = PLACES if self.study.original else PLACES[:2]
        return {
            "trial": self.names.trial(slot, trial.number),
            **{place: self.names.picture(slot, trial.number, place) for place in places},
            "width": shown.width,
            "height": shown.height,
        }

    def picture(self, slot: int, name: str) -> BinaryIO:
        """The open PNG by its name in one of the two trials that `next` told of, or the one
        before."""
        done = self.answers.done(slot)
        for trial in self.trials(slot)[max(0, done - 1) : done + 2]:
            sides = dict(zip(PLACES, (trial.left, trial.right, ORIGINAL), strict=True))
            if not self.study.original:
                del sides["original"]
            for place, condition in sides.items():
                if name == self.names.picture(slot, trial.number, place):
                    file = self.study.pictures[trial.picture].file(condition)
                    return self.folder.picture(file).open("rb")
        raise Refused(404, "there is no such picture now")

    def answer(self, slot: int, message: dict) -> dict:
        """Write an answer down; the reply says that it lies on the disk."""
        name, given = messages.parse_answer(message, self.study)
        trials = self.trials(slot)
        done = self.answers.done(slot)
        for trial in reversed(trials[: done + 1]):
            if name == self.names.trial(slot, trial.number):
                if not self.answers.agreed(slot) or not self.answers.add(slot, trial, given):
                    break
                return self.progress(slot)
        raise Refused(409, "it is not this trial's turn")


def make_app(desk: Desk, public: str | None = None) -> ASGIApp:
    """All of it, behind the gate.

    Args:
        public: address of a proxy before it, such as "https://study.example.org".
    """
    routes = [
        Route("/api/join", _post(_join), methods=["POST"]),
        Route("/api/picture/{name}", _get_picture, methods=["GET"]),
        *(
            Route(f"/api/{name}", _post(call), methods=["POST"])
            for name, call in (
                ("hello", lambda desk, slot, message: desk.hello(slot)),
                ("begin", Desk.begin),
                ("trials", lambda desk, slot, message: desk.next(slot)),
                ("answer", Desk.answer),
            )
        ),
        Mount("/", StaticFiles(directory=_PAGE, html=True)),
    ]
    app = Starlette(routes=routes)
    app.state.desk = desk
    app.add_middleware(Gate, complaints=desk.complaints, token=None)
    return PublicName(app, public) if public else app


def _join(desk: Desk, token: str) -> dict:
    return {"observer": desk.join(token)}


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _post(call):
    """An endpoint of a call that answers with JSON; all but `_join` are told whose it is."""

    async def endpoint(request: Request) -> Response:
        desk: Desk = request.app.state.desk
        try:
            body = await _body(request)

            def work() -> dict:
                if call is _join:
                    return call(desk, _token(request))
                slot = desk.observer(_token(request))
                return call(desk, slot, messages.parse(body))

            return JSONResponse(await asyncio.to_thread(work))
        except Refused as refused:
            return _refusal(desk, refused)
        except ValueError as error:
            return _refusal(desk, Refused(400, str(error)))
        except PercastError as error:  # a full disk: the page keeps the answer, and tries again
            return _refusal(desk, Refused(503, str(error)), "it cannot be stored now")

    return endpoint


async def _get_picture(request: Request) -> Response:
    desk: Desk = request.app.state.desk

    def work() -> BinaryIO:
        slot = desk.observer(_token(request))
        return desk.picture(slot, request.path_params["name"])

    try:
        file = await asyncio.to_thread(work)
        size = os.fstat(file.fileno()).st_size
        # Not `FileResponse`, which tells the file's date and an ETag of it.
        return StreamingResponse(
            _pieces(file), media_type="image/png", headers={"content-length": str(size)}
        )
    except Refused as refused:
        return _refusal(desk, refused)
    except (PercastError, OSError) as error:
        return _refusal(desk, Refused(503, str(error)), "it cannot be read now")


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    """So that many who ask for large pictures, and take them slowly, do not fill the memory."""
    with file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


def _refusal(desk: Desk, refused: Refused, told: str = "") -> Response:
    """What the observer is told may be less than what the operator reads."""
    if refused.counted:
        desk.complaints.add(f"status {refused.status}", str(refused))
    return JSONResponse({"error": told or str(refused)}, refused.status)


async def _body(request: Request) -> bytes:
    try:
        return await read_body(request, messages.MAX_BYTES)
    except TimeoutError as error:
        raise Refused(408, "the call took too long") from error
    except ClientDisconnect as error:  # nobody hears this
        raise Refused(400, "the call broke off", counted=False) from error


class PublicName:
    """Lets those in who come by a proxy's name; the gate knows addresses only.

    A proxy passes the visitor's `Host` on, or gives this server's own address in its place (nginx
    and Apache do, unless told otherwise); the browser's `Origin` is the proxy's name either way.

    Args:
        app: behind it.
        public: the proxy's address, scheme and name, without a path, in small letters.
    """

    def __init__(self, app: ASGIApp, public: str):
        self._app = app
        self._origin = public.encode()
        self._host = public.partition("://")[2].encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            host, origin = headers.get(b"host", b""), headers.get(b"origin")
            if host.lower() == self._host:
                host = b"localhost"
            kept = [h for h in scope["headers"] if h[0] not in (b"host", b"origin")]
            kept.append((b"host", host))  # a name that is not the proxy's is the gate's to refuse
            if origin is not None:
                ours = b"http://" + host if origin == self._origin else origin
                kept.append((b"origin", ours))
            scope = {**scope, "headers": kept}
        await self._app(scope, receive, send)
