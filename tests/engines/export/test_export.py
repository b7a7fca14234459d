# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 - the imports must follow importorskip
import numpy as np
import pytest

from percast.engines.manifest import load_model
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.engine import CPU_ENGINES

for package in ("torch", "onnx", "onnxscript"):
    pytest.importorskip(package, reason="export needs torch, onnx and onnxscript")

import torch

from percast.engines.export import export as export_module
from percast.engines.export import onnx_graph
from percast.engines.networks import Encoder, Generator, PixelBlocks
from percast.engines.training.records.prototype import LEVELLED, to_prototype


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint in the prototype's form, with random weights and a living FiLM."""
    torch.manual_seed(0)
    networks = Encoder(), Generator()
    for network in networks:
        for name, value in network.named_parameters():
            if "film" in name:
                torch.nn.init.normal_(value, std=0.05)
    path = tmp_path_factory.mktemp("checkpoint") / "random.pt"
    ema = to_prototype(*(network.state_dict() for network in networks))
    torch.save(
        {
            "ema": {name: value.half() for name, value in ema.items()},
            LEVELLED: True,
            "args": {"zc": 96, "wid": 1.0, "norm": 0, "lin": 1},
            "step": 7,
        },
        path,
    )
    return path


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    assert export_module.main([str(checkpoint), str(folder), "--name", "random"]) == 0
    return folder


def test_an_exported_folder_is_a_model(exported):
    model = load_model(exported)
    assert model.name == "random" and model.training["steps"] == 7


@pytest.mark.parametrize("engine", CPU_ENGINES)
@pytest.mark.parametrize("role", ["encoder", "generator"])
def test_engines_compute_what_torch_does(checkpoint, exported, engine, role):
    network = onnx_graph.load_checkpoint(checkpoint)[0][role]
    sizes = (*export_module.CHECKED_SIZES, (80, 112))
    assert len(set(sizes)) == 4
    with open_engine(exported / f"{role}.onnx", engine, "fp32") as opened:
        for height, width in sizes:
            inputs = onnx_graph.sample(network, height, width, seed=1)
            (expected,) = onnx_graph.compute(network, inputs).values()
            (found,) = opened.run(inputs).values()
            assert np.abs(found - expected).max() < 2e-3


def test_an_engine_that_computes_something_else_leaves_no_model(
    checkpoint, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(export_module, "TOLERANCE", 0)
    assert export_module.main([str(checkpoint), str(tmp_path), "--name", "random"]) == 4
    assert "differs from torch" in capsys.readouterr().err
    assert not (tmp_path / "manifest.json").exists()


def test_export_is_deterministic(checkpoint, exported):
    network = onnx_graph.load_checkpoint(checkpoint)[0]["generator"]
    assert onnx_graph.to_onnx(network) == (exported / "generator.onnx").read_bytes()


def test_pixel_blocks_are_pixel_unshuffle():
    image = torch.rand(2, 3, 8, 12)
    assert torch.equal(PixelBlocks(4)(image), torch.nn.functional.pixel_unshuffle(image, 4))


def test_the_dial_ends_where_the_export_says(checkpoint, tmp_path, capsys):
    arguments = [str(checkpoint), str(tmp_path / "model"), "--name", "x", "--full-realism"]
    assert export_module.main([*arguments, "0.5"]) == 0
    assert load_model(tmp_path / "model").realism == (0, 0.5)
    capsys.readouterr()
    assert export_module.main([*arguments, "1.5"]) == 2
    assert capsys.readouterr().err == "percast: --full-realism 1.5: give 0 to 1\n"


def test_no_checkpoint_no_model(tmp_path, capsys):
    (tmp_path / "text.pt").write_text("no checkpoint")
    torch.save({"weights": 1}, tmp_path / "other.pt")
    for name in ("text.pt", "other.pt", "missing.pt"):
        arguments = [str(tmp_path / name), str(tmp_path / "out"), "--name", "x"]
        assert export_module.main(arguments) == 4
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
