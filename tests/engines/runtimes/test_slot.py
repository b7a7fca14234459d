# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine is exchanged while others run it."""

import threading

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from fractions import Fraction

from percast.engines.codecs.learned import LearnedCodec
from percast.errors import ModelError, UsageError


@pytest.fixture(scope="module")
def codec():
    with LearnedCodec("base", Fraction(1, 96), engine="openvino", precision="fp32") as codec:
        yield codec


@pytest.fixture
def received(codec):
    rgb = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    coded, symbols = codec.encode(rgb)
    return coded, symbols, np.full(len(symbols), 0.1, np.float32)


def test_pictures_go_on_through_an_exchange_and_all_copies_have_the_new_engine(codec, received):
    before, ended, pictures = codec.decode(*received), threading.Event(), []

    def decode() -> None:
        while not ended.is_set():
            pictures.append(codec.decode(*received))

    other = codec.at(cbr=Fraction(1, 48))
    thread = threading.Thread(target=decode)
    thread.start()
    codec.use_engine("onnxruntime", "fp32")
    codec.use_engine("openvino", "fp32")
    codec.use_engine("onnxruntime", "fp32")
    ended.set()
    thread.join()
    assert codec.engine_asked == other.engine_asked == ("onnxruntime", "fp32")
    assert other.about().engine == "onnxruntime" and "onnxruntime" in other.about().reason
    assert pictures
    for picture in (*pictures, codec.decode(*received)):
        assert np.abs(picture.astype(int) - before).max() <= 2
    codec.use_engine("openvino", "fp32")


@pytest.mark.parametrize(
    ("engine", "precision", "error"),
    [
        ("onnxruntime", "bf16", ModelError),
        ("abacus", "fp32", UsageError),
        ("openvino", "fp8", UsageError),
    ],
)
def test_what_cannot_be_had_leaves_the_engine_as_it_is(codec, received, engine, precision, error):
    before = codec.decode(*received)
    with pytest.raises(error):
        codec.use_engine(engine, precision)
    assert codec.about().engine == "openvino" and codec.engine_asked == ("openvino", "fp32")
    assert np.array_equal(codec.decode(*received), before)


def test_a_codec_without_engines_says_so(codec):
    with (
        LearnedCodec("base", engines=(codec.encoder, codec.generator)) as borrowed,
        pytest.raises(UsageError, match="runtime of its own"),
    ):
        borrowed.use_engine("openvino", "fp32")
