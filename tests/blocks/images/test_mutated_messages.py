# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand mutated zmq messages: a picture that was sent, or counted and left out."""

import io
import json
import threading

import numpy as np
import zmq
from PIL import Image

from percast.blocks.images import MalformedMessage, decode_message, open_source

CASES = 1000
SEED = 14
SIDES = (96, 64)
RGB = np.random.default_rng(SEED).integers(0, 256, (8, 12, 3), np.uint8).repeat(8, 0).repeat(8, 1)
JUNK = [None, True, -1, 0, 64.0, 1e300, float("nan"), "", "64", "\ud800", "\0", [], {}, [[]],
        1 << 70]  # fmt: skip


def encoded(encoding: str) -> bytes:
    if encoding == "rgb8":
        return RGB.tobytes()
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, encoding.upper())
    return stream.getvalue()


PAYLOADS = {name: encoded(name) for name in ("rgb8", "png", "jpeg", "webp")}


def changed_header(rng, header, payload):
    key = list(header)[rng.integers(len(header))]
    if rng.random() < 0.2:
        del header[key]
    else:
        header[key] = JUNK[rng.integers(len(JUNK))]
    return [json.dumps(header).encode(), payload]


def further_keys(rng, header, payload):
    header |= {f"x{i}": JUNK[rng.integers(len(JUNK))] for i in range(3)}
    return [json.dumps(header, indent=int(rng.integers(4))).encode(), payload]


def other_encoding(rng, header, payload):
    header["encoding"] = list(PAYLOADS)[rng.integers(4)]
    return [json.dumps(header).encode(), payload]


def other_sides(rng, header, payload):
    header["width"], header["height"] = (int(x) for x in rng.integers(1, 1 << 16, 2))
    return [json.dumps(header).encode(), payload]


def scratched(rng, data: bytes) -> bytes:
    out = bytearray(data)
    at, count = int(rng.integers(len(out))), int(rng.integers(1, 40))
    kind = rng.integers(3)
    if kind == 0:
        for i in rng.integers(len(out), size=count):
            out[i] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        del out[at : at + count]
    else:
        out[at:at] = rng.bytes(count)
    return bytes(out)


def scratched_header(rng, header, payload):
    return [scratched(rng, json.dumps(header).encode()), payload]


def scratched_payload(rng, header, payload):
    return [json.dumps(header).encode(), scratched(rng, payload)]


def cut_payload(rng, header, payload):
    return [json.dumps(header).encode(), payload[: rng.integers(len(payload))]]


def frames(rng, header, payload):
    parts = [json.dumps(header).encode(), payload, b"", rng.bytes(9)]
    return [parts[i] for i in rng.integers(4, size=rng.integers(1, 6))]


def swapped(rng, header, payload):
    return [payload, json.dumps(header).encode()]


MUTATIONS = (changed_header, changed_header, further_keys, other_encoding, other_sides,
             scratched_header, scratched_payload, cut_payload, frames, swapped)  # fmt: skip


def mutated(number: int) -> list[bytes]:
    """The message of that number; the payload is that of `number % 4`."""
    rng = np.random.default_rng((SEED, number))
    encoding = list(PAYLOADS)[number % 4]
    width, height = SIDES
    header = {
        "percast": 1,
        "name": f"n{number}",
        "width": width,
        "height": height,
        "encoding": encoding,
    }
    return MUTATIONS[number // 4 % len(MUTATIONS)](rng, header, PAYLOADS[encoding])


def expected(number: int, parts: list[bytes]) -> np.ndarray | None:
    """What is to be read of a message; None where it is to be left out."""
    try:
        rgb, header = decode_message(parts)
    except MalformedMessage as problem:
        assert "\n" not in str(problem) and len(str(problem)) < 400, number
        return None
    assert rgb.shape == (header["height"], header["width"], 3) and rgb.dtype == np.uint8
    if parts[1] in PAYLOADS.values():  # its pixels are those that were sent, bit for bit
        same = decode_message(
            [json.dumps(header | {"name": ""}).encode(), PAYLOADS[header["encoding"]]]
        )[0]
        np.testing.assert_array_equal(rgb, same, err_msg=str(number))
    return rgb


def test_a_mutated_message_is_a_picture_that_was_sent_or_is_refused(recwarn):
    read = [number for number in range(CASES) if expected(number, mutated(number)) is not None]
    # The damage is of all kinds: harmless to a hundred, fatal to most.
    assert 100 < len(read) < 500
    harmless = {i for i in range(CASES) if MUTATIONS[i // 4 % len(MUTATIONS)] is further_keys}
    assert harmless <= set(read)
    assert not recwarn.list


def test_a_source_goes_on_after_each_of_them_and_counts_them(tmp_path):
    address = f"ipc://{tmp_path}/pictures"
    messages = [mutated(number) for number in range(CASES)]
    wanted = [rgb for i, parts in enumerate(messages) if (rgb := expected(i, parts)) is not None]
    sendable = [rgb for rgb in wanted if min(rgb.shape[:2]) >= 64]

    header = {"percast": 1, "name": "last", "width": 96, "height": 64, "encoding": "rgb8"}
    last = [json.dumps(header).encode(), PAYLOADS["rgb8"]]
    through = threading.Event()

    def send():
        with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
            socket.connect(address)
            for parts in (*messages, last):
                socket.send_multipart(parts)
            through.wait(60)

    with open_source(f"zmq:{address}") as source:
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        got = []
        for picture in source:
            if picture.name == "last":
                through.set()
                break
            got.append(picture.rgb)
        sender.join()
        assert source.skipped == CASES - len(got)
        assert source.malformed == CASES - len(wanted)
    assert len(got) == len(sendable)
    for one, other in zip(got, sendable, strict=True):
        np.testing.assert_array_equal(one, other)
