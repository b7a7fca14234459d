# SPDX-License-Identifier: GPL-3.0-or-later
"""Several pictures at once through the encoder and the generator blocks."""

import threading
import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pmt
import pytest
from gnuradio import gr

from percast import blocks as percast_blocks
from percast.blocks.pdu import END, PictureSymbols, from_pdu, is_end, to_pdu
from percast.blocks.stats.tally import MAX_REASONS
from percast.engines.codecs.contract import Undecodable
from percast.engines.codecs.learned import LearnedCodec
from tests.graphs import running


class Held(LearnedCodec):
    """Works on the first picture until `open`, so that the others wait; notes its batches."""

    def __init__(self):
        super().__init__("base", Fraction(1, 192), precision="fp32")
        self.encoder.batch_pixels = self.generator.batch_pixels = 4 * 64 * 64
        self.open, self.batches = threading.Event(), []

    def encode_batch(self, pictures):
        self.note(len(pictures))
        return super().encode_batch(pictures)

    def decode_batch(self, received, realism=None):
        self.note(len(received))
        if any(np.isinf(noise).all() for _, _, noise in received):
            raise Undecodable("nothing arrived")
        if any(not symbols.any() for _, symbols, _ in received):
            raise ArithmeticError("a picture of zeros")
        return super().decode_batch(received, realism)

    def note(self, count):
        self.batches.append(count)
        assert self.open.wait(10)


@pytest.fixture
def codec():
    with Held() as codec:
        yield codec


class Collector(gr.basic_block):
    def __init__(self, read):
        gr.basic_block.__init__(self, "collector", None, None)
        self.read = read
        self.messages, self.done = [], threading.Event()
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self.take)

    def take(self, message):
        if is_end(message):
            self.done.set()
        else:
            self.messages.append(self.read(message))


def wait_until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def run(block, takes, gives, codec, messages):
    """What a block sends for messages, of which all but the first wait."""
    read = PictureSymbols.from_pdu if gives == "symbols" else from_pdu
    graph, out = gr.top_block(), Collector(read)
    graph.msg_connect(block, gives, out, "in")
    with running(graph):
        for waiting, message in enumerate((*messages, END), start=1):
            block.to_basic_block()._post(pmt.intern(takes), message)
            wait_until(lambda: codec.batches and block._worker.pending == waiting)
        codec.open.set()
        assert out.done.wait(30)
    return out.messages


def picture(number, height=64, width=64):
    rgb = np.random.default_rng(number).integers(0, 256, (4, 4, 3))
    rgb = rgb.repeat(height // 4, 0).repeat(width // 4, 1).astype(np.uint8)
    meta = {"image": number, "width": width, "height": height, "name": "", "read_at": 1.0}
    return to_pdu(meta, rgb.tobytes())


def encode(codec, messages):
    block = percast_blocks.ImageEncoder(codec, session=1, depth=16)
    sent = run(block, "images", "symbols", codec, messages)
    assert block.error is None
    return block, sent


def received(codec, count):
    """Messages as a demodulator sends them."""
    _, sent = encode(codec, [picture(i) for i in range(count)])
    codec.open.clear()
    codec.batches.clear()
    return [as_received(m.header, m.symbols) for m in sent]


def as_received(header, symbols, noise=0.1):
    noise = np.full(len(symbols), noise, np.float32)
    return PictureSymbols(header, symbols, noise).to_pdu()


def test_pictures_that_wait_are_encoded_together_and_go_out_in_order(codec):
    _, sent = encode(codec, [picture(i) for i in range(8)])
    assert codec.batches == [1, 4, 2, 1]
    assert [m.header.image for m in sent] == list(range(8))
    assert [len(m.symbols) for m in sent] == [64] * 8
    for number, coded in enumerate(sent):
        rgb = from_pdu(picture(number))[1].reshape(64, 64, 3)
        expected = LearnedCodec.encode_batch(codec, [rgb])[0][1]
        np.testing.assert_allclose(coded.symbols, expected, atol=1e-3)


def test_only_pictures_of_one_size_share_a_batch(codec):
    sizes = [(64, 64), (64, 64), (64, 64), (64, 128), (64, 128), (64, 64)]
    _, sent = encode(codec, [picture(i, *size) for i, size in enumerate(sizes)])
    assert codec.batches == [1, 2, 2, 1]
    assert [(m.header.height, m.header.width) for m in sent] == sizes


def test_pictures_that_wait_are_decoded_together_and_go_out_in_order(codec):
    messages = received(codec, 7)
    block = percast_blocks.ImageGenerator(codec, depth=16)
    images = run(block, "symbols", "images", codec, messages)
    assert codec.batches == [1, 4, 2]
    assert [meta["id"] for meta, _ in images] == list(range(7))
    assert all(data.size == 64 * 64 * 3 for _, data in images)


def test_a_foreign_picture_is_counted_once_and_takes_no_other_with_it(codec):
    messages = received(codec, 6)
    one = PictureSymbols.from_pdu(messages[3])
    messages[3] = as_received(replace(one.header, model=b"else"), one.symbols)
    block = percast_blocks.ImageGenerator(codec, depth=16)
    images = run(block, "symbols", "images", codec, messages)
    assert [meta["id"] for meta, _ in images] == [0, 1, 2, 4, 5]
    assert list(block.foreign.values()) == [1] and block.error is None
    assert codec.batches == [1, 2, 2]


def test_no_more_pictures_go_out_than_are_asked_for(codec):
    """A foreign one is none of them, one that cannot be decoded is; the end goes out as ever."""
    messages = received(codec, 8)
    first, second = map(PictureSymbols.from_pdu, messages[:2])
    messages[0] = as_received(first.header, first.symbols, noise=np.inf)
    messages[1] = as_received(replace(second.header, model=b"else"), second.symbols)
    block = percast_blocks.ImageGenerator(codec, depth=16, frames=4)
    images = run(block, "symbols", "images", codec, messages)
    assert [meta["id"] for meta, _ in images] == [0, 2, 3, 4]
    assert "undecodable" in images[0][0]
    assert codec.batches == [1, 2, 1]
    assert (block.given, block.foreign.total, block.beyond) == (4, 1, 3)


def test_hostile_headers_fill_neither_memory_nor_log(codec, caplog):
    (message,) = received(codec, 1)
    one = PictureSymbols.from_pdu(message)
    block = percast_blocks.ImageGenerator(codec)
    count = MAX_REASONS + 30
    for number in range(count):
        foreign = replace(one.header, model=bytes([number, 1, 2, 3]))
        block.process(block.unpack(as_received(foreign, one.symbols)))
    assert len(block.foreign) == len(caplog.records) == MAX_REASONS + 1
    assert sum(block.foreign.values()) == count


def test_a_picture_that_fails_takes_no_other_of_its_batch_with_it(codec):
    messages = received(codec, 5)
    header = PictureSymbols.from_pdu(messages[2]).header
    messages[2] = as_received(header, np.zeros(header.symbols, np.complex64))
    block = percast_blocks.ImageGenerator(codec, depth=16)
    images = run(block, "symbols", "images", codec, messages)
    assert [meta["id"] for meta, _ in images] == [0, 1, 3, 4]
    assert isinstance(block.error, ArithmeticError)
    assert codec.batches == [1, 4, 1, 1, 1, 1]
