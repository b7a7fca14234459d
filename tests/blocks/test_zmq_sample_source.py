# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples of another process that does not always send what it should."""

import logging
import socket
import time

import numpy as np
import pytest
import zmq

from percast.blocks import zmq_sample_source as module
from percast.blocks.zmq_sample_source import ZmqSampleSource

SAMPLES = np.arange(1, 101).astype(np.complex64)


@pytest.fixture
def address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"tcp://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def source(address, monkeypatch):
    monkeypatch.setattr(module, "_MAX_BYTES", 1 << 20)
    made = ZmqSampleSource(address)
    yield made
    made.close()


def sender(address: str, kind: int = zmq.PUSH) -> zmq.Socket:
    made = zmq.Context.instance().socket(kind)
    made.linger, made.sndhwm = 0, 0
    end = time.monotonic() + 30
    while True:
        try:
            made.bind(address)
            return made
        except zmq.ZMQError:  # zmq's own thread closes the sender before it, in its own time
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def hear(source: ZmqSampleSource, count: int, seconds: float = 20) -> np.ndarray:
    """So many samples, or what came of them in that time."""
    heard, end = [], time.monotonic() + seconds
    while sum(map(len, heard)) < count and time.monotonic() < end:
        heard.append(source.more())
    return np.concatenate([np.zeros(0, np.complex64), *heard])


def warnings(caplog) -> list[str]:
    return [r.message for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.parametrize("size", [(1 << 20) + 8, 5 << 20])
def test_after_a_message_that_is_too_large_the_next_are_heard(source, address, size, caplog):
    with sender(address) as push:
        push.send(SAMPLES)
        np.testing.assert_array_equal(hear(source, 100), SAMPLES)
        push.send(bytes(size))
        assert len(hear(source, 1, seconds=2)) == 0
        push.send(SAMPLES)
        np.testing.assert_array_equal(hear(source, 100), SAMPLES)
    assert source.malformed == 1
    (said,) = warnings(caplog)
    assert "1 MB" in said and address in said


def test_one_after_another_they_are_all_counted_and_told_once(source, address, caplog):
    with sender(address) as push:
        for _ in range(3):
            push.send(bytes(2 << 20))
            assert len(hear(source, 1, seconds=2)) == 0
        push.send(SAMPLES)
        np.testing.assert_array_equal(hear(source, 100), SAMPLES)
    assert source.malformed == 3
    assert len(warnings(caplog)) <= 2


def test_a_sender_of_the_right_kind_is_heard_after_one_of_another(source, address):
    with sender(address, zmq.PUB):
        assert len(hear(source, 1, seconds=2)) == 0
    with sender(address) as push:
        assert len(hear(source, 1, seconds=1)) == 0  # it connects again
        push.send(SAMPLES)
        np.testing.assert_array_equal(hear(source, 100), SAMPLES)
    assert source.malformed >= 1


def test_a_program_that_breaks_off_in_another_protocol_does_not_end_the_link(source, address):
    host, port = address.removeprefix("tcp://").split(":")
    with socket.create_server((host, int(port))) as server:
        server.settimeout(30)
        connection, _ = server.accept()
        # ZMTP's greeting, then no frame of it.
        connection.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48) + b"\x7f" * 200)
        assert len(hear(source, 1, seconds=1)) == 0
        connection.close()
    with sender(address) as push:
        assert len(hear(source, 1, seconds=1)) == 0
        push.send(SAMPLES)
        np.testing.assert_array_equal(hear(source, 100), SAMPLES)


def test_a_sender_that_ends_and_comes_back_is_no_fault(source, address, caplog):
    for _ in range(2):
        with sender(address) as push:
            push.send(SAMPLES)
            np.testing.assert_array_equal(hear(source, 100), SAMPLES)
        assert len(hear(source, 1, seconds=1)) == 0
    assert source.malformed == 0 and warnings(caplog) == []


def test_a_thousand_messages_of_any_size_and_number_of_frames(source, address):
    """Whole samples in one frame are passed on to the bit; all others are counted."""
    rng = np.random.default_rng(15)
    good, bad = [], 0
    with sender(address) as push:
        for _ in range(1000):
            frames = [rng.bytes(int(rng.integers(0, 65))) for _ in range(rng.integers(1, 3))]
            if len(frames) == 1 and len(frames[0]) % 8 == 0:
                good.append(frames[0])
            else:
                bad += 1
            push.send_multipart(frames)
        push.send(SAMPLES)
        wanted = b"".join(good) + SAMPLES.tobytes()
        assert hear(source, len(wanted) // 8).tobytes() == wanted
    assert source.malformed == bad
