# SPDX-License-Identifier: GPL-3.0-or-later
"""What people see of `--model auto`."""

import pytest

pytest.importorskip("onnx", reason="the tiny model is made with onnx")

from percast.engines import manifest
from percast.engines.codecs import sizes
from percast.engines.codecs.config import CodecConfig
from percast.tools.settings import open_codec
from tests.engines.tiny_model import write_tiny_model


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What `choose` measures, on a machine with a tiny `lite`, where `base` takes 50 ms."""
    shipped, asked = manifest.SHIPPED, []
    write_tiny_model(tmp_path / "lite", "lite")
    (tmp_path / "base").symlink_to(shipped / "base")
    monkeypatch.setattr(manifest, "SHIPPED", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def measure(engine, network, size):
        asked.append(size)
        return 0.05 if network.path.stat().st_size > 1_000_000 else 0.001

    monkeypatch.setattr(sizes, "_measure", measure)
    return asked


@pytest.mark.parametrize(
    ("size", "fps", "model"),
    [(None, None, "base"), ("96x64", 20.0, "lite"), ("96x64", 12.0, "base")],
)
def test_size_and_rate_choose_the_model_and_one_line_says_why(asked, size, fps, model, capsys):
    with open_codec(CodecConfig(model="auto"), size, ("encode",), fps) as codec:
        assert codec.model.name == model
    (line,) = capsys.readouterr().err.splitlines()
    assert f"'{model}' makes" in line and f"{fps or 10:g} pictures/s of {size or '256x256'}" in line
    assert set(asked) == {(64, 96) if size else sizes.SIZE}


def test_other_codecs_and_named_models_ask_nothing(asked, capsys):
    for config in (CodecConfig(model="lite"), CodecConfig(codec="jpeg-ldpc", model="auto")):
        open_codec(config, None, ("encode",)).close()
    assert not asked and not capsys.readouterr().err
