# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's server over real sockets: whatever comes in, the link goes on, its result is whole."""

import contextlib
import io
import json
import socket
import struct
import time

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("uvicorn")
client = pytest.importorskip("websockets.sync.client")
from websockets.exceptions import ConnectionClosed, InvalidStatus

from percast.errors import UsageError
from percast.tools.controls.table import VERBS
from percast.tools.view.config import ViewConfig
from percast.tools.view.server import listen, watch
from tests.tools.view.links import loopback, running, unpack

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def link(photos):
    """One link for all; nothing that a test does may harm it."""
    with running(*loopback(photos)) as link:
        yield link
        link.wait_for_more()
        code, summary = link.end()
    assert code == 130
    assert summary["received"] == summary["sent"] > 10 and summary["lost"] == 0
    assert not any("Traceback" in line for line in link.lines), "".join(link.lines)


def connect(link, **more):
    return client.connect(f"ws://127.0.0.1:{link.port}/ws", max_size=1 << 22, **more)


def wait_for(socket, kind: str, where=lambda head: True) -> tuple[dict, list[bytes]]:
    """The next message of a kind, and the pictures in it."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        data = socket.recv(timeout=30)
        head, parts = (json.loads(data), []) if isinstance(data, str) else unpack(data)
        if head["type"] == kind and where(head):
            return head, parts
    raise AssertionError(f"no {kind} came")


def now(settings: dict, verb: str):
    """What is in force of a verb."""
    return settings["verbs"][verb]["now"]


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB")).astype(float)


def refused(link, kind: str) -> int:
    return sum(n for name, n in link.figures()["view"]["refused"].items() if kind in name)


@contextlib.contextmanager
def paused(link, ws):
    """The page paused, at a picture that this client has been sent; gives the picture's head."""
    head, _ = wait_for(ws, "picture")
    ws.send(json.dumps({"do": "pause", "value": True}))
    try:
        wait_for(ws, "settings", lambda head: now(head, "pause"))
        yield head
    finally:  # the link is others', too
        assert link.call("/api/pause", {"value": False})[0] == 200


def test_a_client_gets_pictures_with_originals_figures_and_the_air(link):
    with connect(link) as ws:
        head, (received, original) = wait_for(ws, "picture")
        figures, _ = wait_for(ws, "figures")
        air, _ = wait_for(ws, "air")
    assert (head["width"], head["height"]) == (128, 128)
    mse = np.mean((pixels(received) - pixels(original)) ** 2)
    assert 10 * np.log10(255**2 / mse) == pytest.approx(head["psnr_db"], abs=1)
    assert figures["stats"]["receiver"]["images"]["decoded"] > 0
    assert len(air["carriers"]) == len(air["channel_db"]) == len(air["snr_db"]) == 200
    assert np.mean(air["snr_db"]) == pytest.approx(10, abs=1.5)
    # What is shown are the equalised symbols, and the noise that is stated of them.
    assert 10 * np.log10(1 / air["noise_var"]) == pytest.approx(10, abs=1.5)
    assert 0.5 < np.mean(np.sum(np.square(air["points"]), 1)) < 2


def test_the_spectrum_shows_the_band_over_the_noise(link):
    def over_noise(head: dict) -> float:
        """Mean of the middle half of the bins over that of the outermost, dB."""
        power = 10 ** (np.array(head["power_db"], float) / 10)
        outside = np.concatenate([power[:20], power[-20:]])
        return 10 * np.log10(power[64:192].mean() / outside.mean())

    with connect(link) as ws:
        head, _ = wait_for(ws, "spectrum", lambda head: over_noise(head) > 6)
    assert head["samp_rate"] == 4e6 and len(head["power_db"]) == 256
    # (S + N) / N at 10 dB; packets may fill less than all of the samples.
    assert over_noise(head) < 12


def test_the_dial_decodes_the_picture_on_show_again_and_sets_later_ones(link):
    with connect(link) as ws, paused(link, ws) as head:
        pictures = {}
        for realism in (0.0, 1.0):
            ask = {"do": "realism", "value": realism, "picture": head["key"]}
            ws.send(json.dumps(ask))
            again, parts = wait_for(
                ws, "picture", lambda h, r=realism: h["again"] and h["realism"] == r
            )
            assert again["key"] == head["key"]
            assert len(parts) == 1 and again["decoding_ms"] > 0  # its original is there already
            scores, _ = wait_for(ws, "scores", lambda h, r=realism: h["realism"] == r)
            assert scores["key"] == head["key"] and 10 < scores["psnr_db"] < 40
            pictures[realism] = pixels(parts[0])
        # Of the model `base`: 1 is far from 0 for an eye, and both are this picture.
        difference = np.sqrt(np.mean((pictures[0.0] - pictures[1.0]) ** 2))
        assert 1 < difference < 60
        ws.send(json.dumps({"do": "realism", "value": 0.25}))
        wait_for(ws, "settings", lambda h: now(h, "realism") == 0.25)
    with connect(link) as ws:
        wait_for(ws, "picture", lambda h: not h["again"] and h["realism"] == 0.25)
        ws.send(json.dumps({"do": "realism", "value": None}))
        wait_for(ws, "settings", lambda h: now(h, "realism") is None)


def test_the_same_can_be_called(link):
    for verb, value in (("realism", 0.5), ("snr", 20)):
        status, answer = link.call(f"/api/{verb}", {"value": value})
        assert status == 200 and json.loads(answer) == {"ok": True, "now": value, "hint": None}
    with connect(link) as ws:
        settings, _ = wait_for(ws, "settings")
        assert now(settings, "realism") == 0.5 and now(settings, "snr") == 20
        wait_for(ws, "picture", lambda head: head["snr_db"] > 17)
    assert link.call("/api/realism", {"value": None})[0] == 200
    assert link.call("/api/snr", {"value": 10})[0] == 200
    status, png = link.call("/api/picture.png")
    assert status == 200 and pixels(png).shape == (128, 128, 3)
    assert link.call("/api/picture.png?picture=../../etc/passwd")[0] == 404
    paths = json.loads(link.call("/openapi.json")[1])["paths"]
    others = {"/api/figures", "/api/picture.png", "/api/verbs"}
    assert {*paths} == others | {f"/api/{name}" for name in VERBS}
    for path, methods in paths.items():
        assert all(about["summary"] for about in methods.values()), path


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\x00",
        b"[1]",
        b"{}",
        b'{"value": "much"}',
        b'{"value": true}',
        b'{"value": 1.5}',
        b'{"value": NaN}',
        b'{"value": 1, "exec": "rm"}',
        b'{"value": 1, "picture": "../x"}',
        b"[" * 1000,
        b'{"value": ' + b" " * 5000 + b"1}",
    ],
)
def test_malformed_calls_are_answered_and_counted(link, body):
    before = refused(link, "malformed")
    status, answer = link.call("/api/realism", body or b" ")
    assert status == 400 and json.loads(answer)["error"]
    assert refused(link, "malformed") == before + 1


def test_malformed_messages_are_answered_counted_and_logged_in_one_line(link):
    before = refused(link, "malformed")
    with connect(link) as ws:
        bad = ["", "{", "[]", '{"do": "exec", "value": 1}', '{"do": []}', b"\x00" * 9, "[" * 900]
        for message in bad:
            ws.send(message)
            assert wait_for(ws, "error")[0]["error"]
        wait_for(ws, "picture")
        ws.send("x" * 100_000)
        with pytest.raises(ConnectionClosed):
            while True:
                ws.recv(timeout=30)
    end = time.monotonic() + 10
    while refused(link, "malformed") < before + len(bad) + 1:
        assert time.monotonic() < end
        time.sleep(0.1)
    lines = [line for line in link.lines if "malformed" in line]
    assert lines and len(lines) < before + len(bad)
    link.wait_for_more()


def test_a_thousand_calls_in_a_second_are_mostly_refused(link):
    with connect(link) as ws:
        for number in range(1000):
            ws.send(json.dumps({"do": "realism", "value": number % 2}))
        wait_for(ws, "error", lambda head: "too many" in head["error"])
        time.sleep(0.5)
        ws.send(json.dumps({"do": "realism", "value": None}))
        wait_for(ws, "settings", lambda head: now(head, "realism") is None)
    assert refused(link, "too many") > 500
    link.wait_for_more()


def handshake(link) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", link.port))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.sendall(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{link.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert raw.recv(12) == b"HTTP/1.1 101"
    return raw


def test_a_client_that_never_reads_skips_and_delays_nobody(link):
    skipped = link.figures()["view"]["skipped"]
    with contextlib.closing(handshake(link)), connect(link) as other:
        end = time.monotonic() + 60
        while link.figures()["view"]["skipped"] <= skipped:
            wait_for(other, "picture")
            assert time.monotonic() < end
        before = link.decoded()
        for _ in range(5):
            wait_for(other, "picture")
        assert link.decoded() > before


def test_a_client_that_leaves_in_mid_message_is_forgotten(link):
    before = link.figures()["view"]["clients"]
    raw = handshake(link)
    raw.sendall(b"\x81\xfe\x03\xe8\x00\x00")  # the start of a text of 1000 bytes
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST at the end
    raw.close()
    end = time.monotonic() + 10
    while link.figures()["view"]["clients"] > before:
        assert time.monotonic() < end
        time.sleep(0.1)
    link.wait_for_more()


def test_foreign_pages_are_kept_out(link):
    with pytest.raises(InvalidStatus, match="403"), connect(link, origin="http://evil.example"):
        pass
    assert link.call("/api/pause", {"value": True}, Origin="http://evil.example")[0] == 403
    # DNS rebinding: a foreign name that leads here.
    assert link.call("/api/figures", Host=f"evil.example:{link.port}")[0] == 403
    assert link.call("/", Host="evil.example")[0] == 403
    own = f"http://127.0.0.1:{link.port}"
    assert link.call("/api/pause", {"value": False}, Origin=own)[0] == 200
    with connect(link, origin=own) as ws:
        assert now(wait_for(ws, "settings")[0], "pause") is False


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:1", 200),
        ("[::1]:8765", 200),
        ("[::1]", 200),
        ("192.168.1.9:8765", 200),
        ("", 403),
        ("127.0.0.1.evil.example", 403),
        ("127.0.0.1:80:80", 403),
        ("a@127.0.0.1", 403),
        ("[evil]:80", 403),
    ],
)
def test_hosts_are_addresses(link, host, status):
    assert link.call("/icon.svg", Host=host)[0] == status


def test_nobody_looks_out_of_the_pages_folder(link):
    for path in ("/../config.py", "/%2e%2e/config.py", "/..%2fserver.py"):
        assert link.call(path)[0] == 404


def test_other_machines_need_the_token_that_is_printed_once(photos):
    with running(*loopback(photos), "--view-host", "0.0.0.0", "-v") as link:
        assert len(link.token) >= 32
        assert link.call("/")[0] == 200  # the page itself holds nothing
        wrong, began = "x" * len(link.token), time.monotonic()
        for headers in ({}, {"Authorization": f"Bearer {wrong}"}, {"Authorization": "Bearer é"}):
            assert link.call("/api/figures", **headers)[0] == 401
        for protocols in (None, ["percast", f"token.{wrong}"]):
            with pytest.raises(InvalidStatus, match="403"), connect(link, subprotocols=protocols):
                pass
        refused_for = time.monotonic() - began
        right = {"Authorization": f"Bearer {link.token}"}
        link.wait_for_more(**right)
        with connect(link, subprotocols=["percast", f"token.{link.token}"]) as ws:
            assert ws.subprotocol == "percast"
            wait_for(ws, "picture")
        assert link.figures(**right)["view"]["refused"]["wrong token refused"] == 5
        _, summary = link.end()
        assert summary["lost"] == 0
        assert sum(link.token in line for line in link.lines) == 1
        # Said once, and again after ten seconds.
        assert 1 <= sum("wrong token" in line for line in link.lines) <= 1 + refused_for / 10


def test_a_taken_port_is_told_before_anything_is_shown(link):
    taken = ViewConfig(view=True, port=link.port)
    with pytest.raises(UsageError, match="--view-port"), watch(taken, None, None, {}):
        pass


@pytest.mark.parametrize("port", [0, 8765])
def test_an_address_that_is_not_ours_is_not_put_down_to_the_port(port):
    elsewhere = ViewConfig(view=True, host="192.0.2.1", port=port)
    with pytest.raises(UsageError, match="choose another --view-host$"):
        listen(elsewhere, "--view")


def test_a_replay_with_a_page_ends_with_its_recording(percast, photos, tmp_path):
    made = percast("tx", "--device", "file", "--args", tmp_path / "a.cf32", "--source", photos,
                   "--frames", 6, "--size", "128x128")  # fmt: skip
    assert made.code == 0, made.err
    with running("replay", tmp_path / "a.cf32", "--samp-rate", "4M", "--view-port", 0) as link:
        out = link.process.stdout.read()
        assert link.process.wait(60) == 0
    assert json.loads(out)["received"] == 6
