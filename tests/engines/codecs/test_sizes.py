# SPDX-License-Identifier: GPL-3.0-or-later
"""`--model auto`, and receivers that use the model that the header names."""

import json
import logging
import time
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the tiny model is made with onnx")

from percast.engines import manifest
from percast.engines.codecs import decoders, sizes
from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.decoders import Decoders
from percast.engines.codecs.registry import open_codec
from percast.engines.metrics import psnr
from percast.errors import ModelError
from percast.home import user_cache
from tests.engines.tiny_model import write_tiny_model

TINY = CodecConfig(model="lite", threads=1)


@pytest.fixture
def two_sizes(tmp_path, monkeypatch):
    """The shipped `base`, and a `lite` that costs nothing; a cache of their own."""
    shipped, models = manifest.SHIPPED, tmp_path / "models"
    write_tiny_model(models / "lite", "lite")
    (models / "base").symlink_to(shipped / "base")
    monkeypatch.setattr(manifest, "SHIPPED", models)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return models


@pytest.fixture
def takes(monkeypatch):
    """Lets a run of a network take so many seconds, by how large its file is; counts them."""
    counted = []

    def takes(large: float, small: float) -> list:
        def measure(engine, network, size):
            counted.append((network.path.parent.name, network.path.stem, size))
            return large if network.path.stat().st_size > 1_000_000 else small

        monkeypatch.setattr(sizes, "_measure", measure)
        return counted

    return takes


def test_auto_takes_the_largest_model_that_keeps_up(two_sizes, takes):
    takes(large=0.039, small=0.001)
    found = sizes.choose(CodecConfig())
    assert found.model == "base" and "12.8/s" in found.why and "\n" not in found.why


def test_auto_takes_a_smaller_one_where_the_larger_would_leave_nothing_for_the_link(
    two_sizes, takes
):
    takes(large=0.042, small=0.001)  # 11.9 pictures/s, and 12.5 are wanted
    found = sizes.choose(CodecConfig())
    assert found.model == "lite" and "'base' makes 11.9/s" in found.why
    assert "10 pictures/s of 256x256" in found.why


@pytest.mark.parametrize(
    ("roles", "fps", "model"),
    [(("encode",), 18, "base"), (("encode", "decode"), 18, "lite"), (("decode",), 9, "base")],
)
def test_the_asked_rate_and_the_ends_that_share_the_processor_count(
    two_sizes, takes, roles, fps, model
):
    takes(large=0.039, small=0.001)
    assert sizes.choose(CodecConfig(), fps=fps, roles=roles).model == model


def test_where_none_keeps_up_the_smallest_is_taken_and_it_says_so(two_sizes, takes):
    takes(large=3, small=1)
    found = sizes.choose(CodecConfig(), size=(1080, 1920), fps=30)
    assert found.model == "lite" and "the smallest" in found.why and "1920x1080" in found.why


def test_a_machine_is_measured_once_for_each_size(two_sizes, takes):
    counted = takes(large=3, small=0.001)
    first = sizes.choose(CodecConfig())
    assert len(counted) == 4 and sizes.choose(CodecConfig()) == first
    assert len(counted) == 4
    sizes.choose(CodecConfig(), size=(512, 768))
    assert len(counted) == 8 and counted[-1][2] == (512, 768)
    speeds = json.loads((user_cache() / "speeds.json").read_text())
    assert len(speeds) == 8 and all("openvino" in key for key in speeds)


def test_a_cache_that_cannot_be_written_or_read_costs_only_time(two_sizes, takes, monkeypatch):
    counted = takes(large=3, small=0.001)
    user_cache().parent.mkdir()
    user_cache().write_text("no folder")
    assert [sizes.choose(CodecConfig()).model for _ in range(2)] == ["lite", "lite"]
    assert len(counted) == 8


def test_with_one_size_here_nothing_is_measured(tmp_path, monkeypatch, takes):
    counted = takes(large=1, small=1)
    (tmp_path / "base").symlink_to(manifest.SHIPPED / "base")
    monkeypatch.setattr(manifest, "SHIPPED", tmp_path)
    assert sizes.choose(CodecConfig()) == ("base", "model 'base': no other size is here")
    assert not counted


def test_a_real_measurement_finds_the_tiny_model_faster(two_sizes):
    pair = [manifest.load_model(name) for name in ("base", "lite")]
    seconds = [sizes._seconds(model, TINY, (128, 128), ("encode", "decode")) for model in pair]
    assert 0 < 3 * seconds[1] < seconds[0]


def test_an_engine_is_measured_as_fast_as_it_is_once_it_is_warm(model):
    class Capturing:
        warm_up_runs, runs = 4, 0

        def run(self, inputs):
            self.runs += 1
            time.sleep(0.02 * (self.runs <= self.warm_up_runs))

    assert sizes._measure(Capturing(), model.encoder, (64, 64)) < 0.01


def test_the_registry_opens_auto_too(two_sizes, takes):
    takes(large=3, small=0.001)
    with open_codec("learned", CodecConfig(model="auto"), ("encode",)) as codec:
        assert codec.model.name == "lite"


def test_a_receiver_uses_the_model_that_the_header_names(two_sizes, draw, caplog):
    """Though it was given another: both ends need not agree."""
    rgb = draw(64, 96)
    with open_codec("learned", TINY, ("encode",)) as sender:
        coded, symbols = sender.encode(rgb)
    here = replace(TINY, model="base")
    given = open_codec("learned", here, ("decode",))
    receiver = Decoders(given, here)
    try:
        with caplog.at_level(logging.WARNING, "percast"):
            codec = receiver.decoder_for(coded)
        assert codec is receiver.decoder_for(coded) and codec.model.name == "lite"
        assert len([r for r in caplog.records if coded.model_id.hex() in r.getMessage()]) == 1
        assert codec.symbols_expected(coded) == symbols.size
        decoded = codec.decode(coded, symbols, np.full(symbols.size, 1e-3, np.float32))
        assert psnr(decoded, rgb) > 20
        assert receiver.first is codec  # what reports speak of
        assert receiver.decoder_for(replace(coded, model_id=given.model_id)) is given
    finally:
        receiver.close()


def test_models_beside_the_given_folder_are_known_too(two_sizes, tmp_path):
    write_tiny_model(tmp_path / "mine" / "first", "first")
    other = manifest.load_model(write_tiny_model(tmp_path / "mine" / "second", "second"))
    assert manifest.named_by(other.id) is None
    found = manifest.named_by(other.id, tmp_path / "mine" / "first")
    assert manifest.load_model(found) == other


def test_a_model_that_nobody_has_is_refused_as_before_and_looked_for_once(
    two_sizes, draw, monkeypatch
):
    with open_codec("learned", TINY, ("encode",)) as sender:
        coded, _ = sender.encode(draw(64, 64))
    asked = []
    look = decoders.model_named
    monkeypatch.setattr(decoders, "model_named", lambda *a: asked.append(a) or look(*a))
    receiver = Decoders(open_codec("learned", TINY, ()), TINY)
    for number in range(40):  # a sender of nonsense
        foreign = replace(coded, model_id=bytes((number // 2, 1, 2, 3)))
        codec = receiver.decoder_for(foreign)
        with pytest.raises(ModelError, match="give both ends the same"):
            codec.symbols_expected(foreign)
    assert len(asked) == 16
    assert receiver.decoder_for(coded) is receiver.first


def test_a_damaged_model_that_a_header_names_is_told_and_left_alone(two_sizes, draw, caplog):
    with open_codec("learned", TINY, ("encode",)) as sender:
        coded, _ = sender.encode(draw(64, 64))
    (two_sizes / "lite" / "generator.onnx").write_bytes(b"damaged")
    here = CodecConfig(model="base")
    receiver = Decoders(open_codec("learned", here, ()), here)
    for _ in range(2):
        assert receiver.decoder_for(coded) is receiver.first
    assert len([r for r in caplog.records if "cannot be opened" in r.getMessage()]) == 1
