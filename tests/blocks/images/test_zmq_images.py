# SPDX-License-Identifier: GPL-3.0-or-later
import json
import logging
import socket
import struct
import threading
import time

import numpy as np
import pytest
import zmq

from percast.blocks.images import (
    decode_message,
    encode_message,
    open_sink,
    open_source,
    zmq_images,
)
from percast.errors import UsageError

pytestmark = pytest.mark.timeout(60)

ANY_PORT = "zmq:tcp://127.0.0.1:*"


@pytest.fixture
def connect():
    """Connects a socket of another program."""
    with zmq.Context() as context:
        sockets = []  # one that nobody holds would be closed with its messages

        def connect(kind, address):
            socket = context.socket(kind)
            socket.linger = 0
            socket.rcvtimeo = socket.sndtimeo = 20_000
            if kind == zmq.SUB:
                socket.subscribe(b"")
            socket.connect(address)
            sockets.append(socket)
            return socket

        yield connect
        context.destroy(linger=0)


def test_pushed_pictures_come_out_in_order(connect, make_rgb):
    with open_source(ANY_PORT, frames=3) as source:
        assert source.live
        push = connect(zmq.PUSH, source.address)
        for index, encoding in enumerate(("rgb8", "png", "webp")):
            push.send_multipart(encode_message(make_rgb(96, 64), {"name": f"{index}"}, encoding))
        before = time.time()
        pictures = list(source)
    assert [picture.name for picture in pictures] == ["0", "1", "2"]
    assert all(picture.read_at >= before for picture in pictures)
    np.testing.assert_array_equal(pictures[0].rgb, make_rgb(96, 64))


def test_pushed_pictures_are_fitted(connect, make_rgb):
    with open_source(ANY_PORT, size=(128, 128), frames=1) as source:
        connect(zmq.PUSH, source.address).send_multipart(encode_message(make_rgb(30, 40), {}))
        (picture,) = source
    assert picture.rgb.shape == (128, 128, 3)


def test_malformed_messages_are_dropped_counted_and_logged_once_in_a_while(
    connect, make_rgb, caplog
):
    good = encode_message(make_rgb(96, 64), {"name": "good"})
    too_small = encode_message(make_rgb(20, 20), {"name": "small"})
    with caplog.at_level(logging.WARNING), open_source(ANY_PORT, frames=2) as source:
        push = connect(zmq.PUSH, source.address)
        push.send_multipart(good)
        for parts in ([b"x"], [b"x"] * 50, [b"{}", b""], [good[0], b"x"], too_small):
            push.send_multipart(parts)
        push.send_multipart(good)
        assert [picture.name for picture in source] == ["good", "good"]
    assert (source.malformed, source.skipped) == (4, 5)
    assert len(caplog.records) == 1


def test_a_message_over_the_limit_does_not_get_in(connect, make_rgb):
    good = encode_message(make_rgb(96, 64), {})
    with open_source(ANY_PORT) as source:
        rude = connect(zmq.PUSH, source.address)
        monitor = rude.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        rude.send_multipart([good[0], bytes(65 * 1024 * 1024)])
        assert monitor.poll(10_000)  # thrown out,
        assert source._receive() is None  # and nothing of it stays
        connect(zmq.PUSH, source.address).send_multipart(good)
        assert next(iter(source)).rgb.shape == (64, 96, 3)
        rude.disable_monitor()


def test_closing_from_another_thread_ends_the_wait():
    source = open_source(ANY_PORT)
    threading.Timer(0.1, source.close).start()
    start = time.monotonic()
    assert list(source) == []
    assert time.monotonic() - start < 5
    source.close()


def test_published_pictures_carry_their_record(connect, make_rgb):
    with open_sink(ANY_PORT) as sink:
        subscriber = connect(zmq.SUB, sink.address)
        rgb = make_rgb(96, 64)
        deadline = time.monotonic() + 20
        while not subscriber.poll(20) and time.monotonic() < deadline:  # joining takes a moment
            sink.write(rgb, {"id": np.int32(3), "snr_db_measured": np.float32("nan")})
        decoded, header = decode_message(subscriber.recv_multipart())
    np.testing.assert_array_equal(decoded, rgb)
    assert header["id"] == 3 and header["snr_db_measured"] is None


def told(parts: list[bytes]) -> tuple[str, int]:
    """What a message is, and its number."""
    if parts[0] == b"figures":
        return "figures", json.loads(parts[1])["number"]
    return "picture", decode_message(parts)[1]["id"]


def test_whoever_subscribes_to_everything_gets_pictures_and_nothing_else(connect, make_rgb):
    with open_sink(ANY_PORT) as sink:
        everything, both, figures = (connect(zmq.SUB, sink.address) for _ in range(3))
        figures.unsubscribe(b"")
        for subscriber in (both, figures):
            subscriber.subscribe(b"figures")
        # They join one after the other, each when it likes.
        wanted = {everything: {"picture"}, both: {"picture", "figures"}, figures: {"figures"}}
        number, deadline = 0, time.monotonic() + 30
        while any(wanted.values()) and time.monotonic() < deadline:
            sink.write(make_rgb(96, 64), {"id": number})
            sink.tell(b"figures", json.dumps({"number": number}))
            number += 1
            for subscriber, lacking in wanted.items():
                while subscriber.poll(20):
                    lacking.discard(told(subscriber.recv_multipart())[0])
        sink.write(make_rgb(96, 64), {"id": number})
        sink.tell(b"figures", json.dumps({"number": number}))
        sink.write(make_rgb(96, 64), {"id": number + 1})
        pictures = [("picture", number), ("picture", number + 1)]
        for subscriber, expected in (
            (everything, pictures),
            (both, [pictures[0], ("figures", number), pictures[1]]),
            (figures, [("figures", number)]),
        ):
            came = []
            while expected[-1] not in came:
                came.append(told(subscriber.recv_multipart()))
            assert [message for message in came if message[1] >= number] == expected
            assert not subscriber.poll(50)


def test_the_last_picture_leaves_before_the_sink_is_closed(connect, make_rgb):
    sink = open_sink(ANY_PORT)
    subscriber = connect(zmq.SUB, sink.address)
    while not subscriber.poll(20):
        sink.write(make_rgb(64, 64), {"id": 0})
    sink.write(make_rgb(512, 512), {"id": 1})
    sink.close()
    sink.close()
    ids = []
    while subscriber.poll(200):
        ids.append(decode_message(subscriber.recv_multipart())[1]["id"])
    assert ids[-1] == 1


def test_a_client_that_never_reads_is_not_waited_for(connect, monkeypatch):
    def encode(rgb, record, encoding):  # many bytes that cost no time
        return encode_message(rgb, record, "rgb8")

    monkeypatch.setattr(zmq_images, "encode_message", encode)
    picture = np.zeros((512, 512, 3), np.uint8)
    with open_sink(ANY_PORT) as sink:
        reader, sleeper = (connect(zmq.SUB, sink.address) for _ in range(2))
        sleeper.rcvhwm = 1
        while not reader.poll(20):
            sink.write(picture[:64, :64], {})
        slowest = 0
        for _ in range(40):
            start = time.monotonic()
            sink.write(picture, {})
            slowest = max(slowest, time.monotonic() - start)
        assert slowest < 2
        start = time.monotonic()
    assert time.monotonic() - start < 5  # half a second for the last pictures


def test_clients_that_break_off_or_talk_nonsense_harm_nobody(connect, make_rgb):
    with open_sink(ANY_PORT) as sink:
        port = int(sink.address.rpartition(":")[2])
        reader = connect(zmq.SUB, sink.address)
        for begun in (b"", b"\xff\x00\x00", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 5000):
            raw = socket.create_connection(("127.0.0.1", port))
            raw.sendall(begun)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.close()  # a reset, in the midst of it
        flood = connect(zmq.SUB, sink.address)
        for number in range(1000):
            flood.subscribe(b"figures%d" % number)
        deadline = time.monotonic() + 20
        while not reader.poll(20) and time.monotonic() < deadline:
            sink.write(make_rgb(96, 64), {"id": 5})
        assert decode_message(reader.recv_multipart())[1]["id"] == 5
        assert sink.asked() == {b"{"}


OPEN_TO_OTHERS = ["tcp://0.0.0.0:*", "tcp://*:*", "tcp://[::]:*", "tcp://192.0.2.1:5000",
                  "tcp://example.org:5000", "tcp://eth0:5000"]  # fmt: skip


@pytest.mark.parametrize("address", OPEN_TO_OTHERS)
@pytest.mark.parametrize("opener", [open_source, open_sink])
def test_an_address_that_others_reach_needs_insecure(opener, address):
    with pytest.raises(UsageError, match="--insecure"):
        opener(f"zmq:{address}")


@pytest.mark.parametrize("opener", [open_source, open_sink])
def test_with_insecure_any_address_is_allowed(opener):
    with opener("zmq:tcp://0.0.0.0:*", insecure=True) as end:
        assert end.address.startswith("tcp://0.0.0.0:")


@pytest.mark.parametrize(
    "place", ["tcp://localhost:*", "tcp://127.8.9.1:*", "tcp://[::1]:*", "ipc"]
)
@pytest.mark.parametrize("opener", [open_source, open_sink])
def test_an_address_of_this_machine_is_allowed(opener, place, tmp_path):
    if place == "ipc":
        place = f"ipc://{tmp_path}/images"
    with opener(f"zmq:{place}") as end:
        assert end.address


def test_within_a_process_a_source_reads_what_is_pushed(make_rgb):
    with open_source("zmq:inproc://test-images", frames=1) as source:
        with zmq.Context.instance().socket(zmq.PUSH) as push:
            push.connect("inproc://test-images")
            push.send_multipart(encode_message(make_rgb(64, 64), {}))
            assert len(list(source)) == 1


NO_ADDRESS = ["tcp://127.0.0.1", "tcp://127.0.0.1:70000", "udp://127.0.0.1:1", "5555", "ipc://",
              "tcp://:5"]  # fmt: skip


@pytest.mark.parametrize("address", NO_ADDRESS)
@pytest.mark.parametrize("opener", [open_source, open_sink])
def test_what_is_no_address_is_a_usage_error(opener, address):
    with pytest.raises(UsageError, match="tcp://127.0.0.1:5555"):
        opener(f"zmq:{address}")


@pytest.mark.parametrize("opener", [open_source, open_sink])
def test_an_address_in_use_is_a_usage_error(opener):
    with open_source(ANY_PORT) as first:
        with pytest.raises(UsageError, match="in use"):
            opener(f"zmq:{first.address}")


@pytest.mark.parametrize("opener", [open_source, open_sink])
def test_a_file_is_no_address_and_stays(opener, tmp_path):
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("three years")
    with pytest.raises(UsageError, match="a file lies there"):
        opener(f"zmq:ipc://{thesis}")
    assert thesis.read_text() == "three years"


@pytest.mark.parametrize("opener", [open_source, open_sink])
def test_a_path_is_not_taken_from_who_listens_there(opener, tmp_path, make_rgb):
    address = f"ipc://{tmp_path}/pictures"
    with open_source(f"zmq:{address}", frames=1) as first:
        with pytest.raises(UsageError, match="listens there already"):
            opener(f"zmq:{address}")
        with zmq.Context.instance().socket(zmq.PUSH) as push:
            push.connect(address)
            push.send_multipart(encode_message(make_rgb(64, 64), {}))
            assert len(list(first)) == 1
