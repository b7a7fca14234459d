# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's server in this process, at a stand-in for a link with slow verbs and bad drivers."""

import contextlib
import json
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("uvicorn")
client = pytest.importorskip("websockets.sync.client")

from percast.errors import DeviceError
from percast.tools import process
from percast.tools.controls.desk import Desk
from percast.tools.controls.link import Link
from percast.tools.view.config import ViewConfig
from percast.tools.view.remote.desk import FarDesk
from percast.tools.view.server import listen, serve
from percast.tools.web.limits import Complaints

pytestmark = pytest.mark.timeout(60)


class Station:
    """A radio whose driver has its ways with some frequencies."""

    gains = None

    def __init__(self):
        self.took, self.entered, self.released = {"freq": 1e9}, threading.Event(), threading.Event()

    def tune(self, freq):
        if freq == 1:
            raise DeviceError("no \ud800 here")
        if freq == 2:
            raise ValueError("bad register")
        if freq == 3:
            self.entered.set()
            self.released.wait(30)


class Nothing:
    """Taps at a receiver of nothing."""

    newest = realism = gone = source = None
    erased = 0

    def look(self, somebody: bool) -> None: ...

    def air(self) -> list:
        return []


class Page:
    def __init__(self, address: str, complaints: Complaints):
        self.address, self.counts = address, complaints.counts

    def post(self, verb: str, value) -> tuple[int, dict]:
        return self._call(f"api/{verb}", json.dumps({"value": value}).encode())

    def get(self, path: str) -> tuple[int, dict]:
        return self._call(path, None)

    def _call(self, path: str, data: bytes | None) -> tuple[int, dict]:
        try:
            with urllib.request.urlopen(self.address + path, data, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@contextlib.contextmanager
def page_of(desk: Desk) -> Iterator[Page]:
    config, complaints = ViewConfig(view=True, port=0), Complaints("view")
    with (
        listen(config, "--view") as listening,
        serve(config, listening, Nothing(), desk, complaints) as address,
    ):
        yield Page(address, complaints)


@pytest.fixture
def station():
    station = Station()
    yield station
    station.released.set()


@pytest.fixture
def desk(station) -> Desk:
    return Desk(Link(lambda: None, station=station))


def test_a_refusal_is_told_whatever_text_is_in_it(desk):
    with page_of(desk) as page:
        assert page.post("freq", 1) == (409, {"error": "no \ud800 here"})


def test_what_a_driver_breaks_with_is_an_answer_and_nobodys_malformed_message(desk, caplog):
    told = "freq: ValueError: bad register"
    with page_of(desk) as page:
        assert page.post("freq", 2) == (409, {"error": told})
        with client.connect(page.address.replace("http", "ws") + "ws") as ws:
            ws.send(json.dumps({"do": "freq", "value": 2}))
            while (heard := json.loads(ws.recv(timeout=10)))["type"] != "error":
                pass
        assert (heard["error"], heard["name"]) == (told, "freq")
        assert page.counts == {"error": 2}
    assert not any(record.exc_info for record in caplog.records)


def test_the_end_waits_for_no_slow_verb_and_tells_those_who_do(desk, station, monkeypatch, caplog):
    monkeypatch.setattr(process, "at_once", False)
    with ThreadPoolExecutor(1) as pool:
        with caplog.at_level(logging.WARNING), page_of(desk) as page:
            call = pool.submit(page.post, "freq", 3)
            assert station.entered.wait(10)
            began = time.monotonic()
        assert time.monotonic() - began < 5
        assert call.result() == (503, {"error": "freq: the link ends"})
    assert caplog.records == []
    # Nor does the process: neither at a thread, nor at what a driver's thread does while it is
    # taken down.
    assert process.at_once
    (left,) = (thread for thread in threading.enumerate() if thread.name == "percast verb")
    assert left.daemon


def test_a_call_that_is_still_being_sent_at_the_end_leaves_no_traceback(desk, caplog):
    with caplog.at_level(logging.WARNING), page_of(desk) as page:
        port = int(page.address.rstrip("/").rpartition(":")[2])
        raw = socket.create_connection(("127.0.0.1", port))
        head = f"POST /api/freq HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 20\r\n\r\n"
        raw.sendall(head.encode())
        time.sleep(0.2)
    raw.close()
    assert not any(record.exc_info for record in caplog.records)


def test_a_control_socket_that_is_busy_does_not_hold_up_the_page(station):
    def ask(request: dict, patience: int) -> dict:
        if "verbs" not in request:
            station.released.wait(10)
        return {"ok": True, "verbs": {}, "took": request}

    desk = FarDesk(Link(lambda: None, remote=True), ask)
    with page_of(desk) as page, client.connect(page.address.replace("http", "ws") + "ws") as ws:
        for value in (0.2, 0.4, 0.6):
            ws.send(json.dumps({"do": "realism", "value": value}))
        began = time.monotonic()
        assert page.get("api/figures")[0] == 200
        assert time.monotonic() - began < 5
        assert page.post("pause", True)[1]["now"] is True  # this page's own
        station.released.set()
    desk.close()
