# SPDX-License-Identifier: GPL-3.0-or-later
"""Publisher and subscriber in one process: keys, nonsense, and who asks for what."""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
import zmq

from percast.blocks.images.messages import AIR, FIGURES, SPECTRUM, encode_message
from percast.blocks.images.zmq_images import ZmqImageSink
from percast.blocks.images.zmq_keys import CurveClient, create_keys
from percast.blocks.ofdm_demodulator import OfdmDemodulator
from percast.blocks.stats.scoring import Scorer
from percast.blocks.stats.tree import Radio
from percast.blocks.waveform.profile import WaveformConfig
from percast.errors import FileError, UsageError
from percast.tools.view.hooks import hook, unhook
from percast.tools.view.remote.publisher import published
from percast.tools.view.remote.subscriber import Subscriber
from percast.tools.web.limits import Complaints

pytestmark = pytest.mark.timeout(60)
ANY = "tcp://127.0.0.1:*"


def until(true, seconds: float = 15) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def subscribe():
    """Opens subscribers, and closes them."""
    opened = []

    def subscribe(address: str, keys=None) -> Subscriber:
        opened.append(Subscriber(address, keys, Complaints("view")))
        return opened[-1]

    yield subscribe
    for subscriber in opened:
        subscriber.close()


def picture(number: int) -> tuple[np.ndarray, dict]:
    rgb = np.full((64, 96, 3), number, np.uint8)
    return rgb, {"id": number, "session": 7, "cbr": 1 / 48, "snr_db": 10.0, "name": "a.png"}


def test_nothing_is_hooked_until_somebody_asks_and_nothing_after_the_last_has_gone(subscribe):
    profile = WaveformConfig().open()
    receiver = SimpleNamespace(demodulator=OfdmDemodulator(profile), profile=profile)

    asked = []

    def stats() -> Radio:
        asked.append(1)
        return Radio({}, {}, 0, 0, 0, 0, 0, None)

    with ZmqImageSink(ANY) as out, published(out, receiver, Scorer(()), stats, "here"):
        with zmq.Context() as context, context.socket(zmq.SUB) as plain:
            plain.subscribe(b"")
            plain.connect(out.address)
            until(lambda: out.asked())
            time.sleep(0.6)
            assert receiver.demodulator.on_packet is receiver.demodulator.on_samples is None
        assert not asked
        subscriber = Subscriber(out.address, None, Complaints("view"))
        subscriber.look(True)
        until(lambda: asked)
        until(lambda: receiver.demodulator.on_packet and receiver.demodulator.on_samples)
        subscriber.close()
        until(lambda: receiver.demodulator.on_packet is receiver.demodulator.on_samples is None)
        until(lambda: not out.asked())


def test_pictures_come_with_their_record_and_only_with_keys(subscribe, tmp_path):
    create_keys(tmp_path / "keys", ["viewer"])
    create_keys(tmp_path / "others", ["viewer"])
    with ZmqImageSink(ANY, keys=tmp_path / "keys") as out:
        right = subscribe(out.address, CurveClient(tmp_path / "keys"))
        wrong = subscribe(out.address, CurveClient(tmp_path / "others"))
        none = subscribe(out.address)
        until(lambda: right.gone is None)
        until(lambda: "--zmq-keys" in (wrong.gone or "") and "--zmq-keys" in (none.gone or ""))
        out.write(*picture(3))
        until(lambda: right.newest)
        out.tell(FIGURES, "{}")
    assert right.newest.key == "00000007-3" and (right.newest.rgb == 3).all()
    assert right.newest.record["snr_db"] == 10 and right.newest.record["psnr_db"] is None
    assert wrong.newest is none.newest is None
    until(lambda: right.gone)


def test_keys_that_are_not_there_are_told(tmp_path):
    create_keys(tmp_path, ["a", "b"])
    with pytest.raises(UsageError, match="a, b: give --zmq-client"):
        CurveClient(tmp_path)
    assert CurveClient(tmp_path, "b")
    with pytest.raises(FileError, match="there is no c.key_secret"):
        CurveClient(tmp_path, "c")


GOOD_AIR = {
    "type": "air", "points": [[0.1, 0.2]], "noise_var": 0.1, "carriers": [-1, 1],
    "channel_db": [0, None], "snr_db": [1, 2],
}  # fmt: skip
NONSENSE = [
    (FIGURES, b"{"),
    (FIGURES, b"[" * 5000),
    (FIGURES, b'{"type": "air"}'),
    (FIGURES, b'{"type": "figures", "stats": {"images": 1}}'),
    (FIGURES, b'{"type": "figures", "stats": {"receiver": {}, "transmitter": 3}}'),
    (FIGURES, b" " * (1 << 19)),
    (AIR, json.dumps(GOOD_AIR | {"snr_db": [1]}).encode()),
    (AIR, json.dumps(GOOD_AIR | {"points": [[1, "<script>"]]}).encode()),
    (AIR, json.dumps(GOOD_AIR | {"carriers": [None, 1]}).encode()),
    (SPECTRUM, b'{"type": "spectrum", "samp_rate": 0, "power_db": [1]}'),
    (SPECTRUM, b'{"type": "spectrum", "samp_rate": 1, "power_db": "x"}'),
    (b"{}", b""),
]


def test_whatever_is_published_is_counted_and_the_next_good_message_is_shown(subscribe):
    with zmq.Context() as context, context.socket(zmq.PUB) as other:
        other.linger = 0
        other.bind(ANY)
        subscriber = subscribe(other.last_endpoint.decode())
        subscriber.look(True)

        def send_until_taken() -> bool:
            other.send_multipart(encode_message(picture(1)[0], {"callsign": 5, "id": "x"}))
            time.sleep(0.05)
            return subscriber.newest is not None

        until(send_until_taken)
        assert subscriber.newest.record["callsign"] == "" and subscriber.newest.key.startswith("0")
        other.send_multipart([AIR, json.dumps(GOOD_AIR).encode()])
        until(lambda: "air" in subscriber._told)
        subscriber.air()
        for parts in NONSENSE:
            other.send_multipart(parts)
            time.sleep(0.01)
        other.send_multipart([AIR, json.dumps(GOOD_AIR | {"noise_var": None}).encode()])
        until(lambda: "air" in subscriber._told)
        counts = subscriber._complaints.counts
        assert counts == {"malformed message of the receiver": len(NONSENSE)}
        ((kind, text),) = subscriber.air()
    assert kind == "air" and json.loads(text) == GOOD_AIR | {"noise_var": None}
    assert subscriber.stats is None


def test_several_look_into_one_block_and_leave_in_any_order():
    block, calls = SimpleNamespace(on_it=None), []
    first, second = (lambda x, i=i: calls.append((i, x)) for i in range(2))
    hook(block, "on_it", first)
    hook(block, "on_it", second)
    block.on_it("a")
    unhook(block, "on_it", first)
    unhook(block, "on_it", first)
    block.on_it("b")
    unhook(block, "on_it", second)
    assert calls == [(0, "a"), (1, "a"), (1, "b")] and block.on_it is None
