# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 - the imports must follow importorskip
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.training.config import Config
from percast.engines.training.link import Link
from percast.engines.training.records import checkpoint, prototype, weights
from percast.errors import FileError, ModelError, UsageError

CONFIG = Config(steps=1)


@pytest.fixture(scope="module")
def link():
    torch.manual_seed(0)
    return Link(CONFIG)


def same(a: Link, b: Link, tolerance=0.0) -> bool:
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return all((x - y).abs().max() <= tolerance for x, y in pairs)


def test_what_was_saved_can_be_started_from(link, tmp_path):
    path = tmp_path / "weights.pt"
    weights.save(path, link, CONFIG, 7, 112, adversarial=True)
    other = Link(CONFIG)
    weights.initial(other, str(path))
    assert same(link, other, 1e-3) and not same(link, Link(CONFIG), 1e-3)


def test_what_was_saved_can_be_exported(link, tmp_path):
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package, reason="export needs onnx and onnxscript")
    from percast.engines.export import onnx_graph

    path = tmp_path / "weights.pt"
    weights.save(path, link, CONFIG, 7, 112, adversarial=True)
    networks, described = onnx_graph.load_checkpoint(path)
    training = described["training"]
    halves = {name: value.half().float() for name, value in link.generator.state_dict().items()}
    assert all(
        torch.equal(networks["generator"].state_dict()[name], halves[name]) for name in halves
    )
    assert (training["steps"], training["crops_seen"], training["adversarial"]) == (7, 112, True)
    assert (training["batch"], training["crop"]) == (CONFIG.batch, CONFIG.crop)


def test_a_model_claims_what_it_was_trained_for_and_no_more(link, tmp_path):
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package, reason="export needs onnx and onnxscript")
    from percast.engines.export import onnx_graph

    def claims(path):
        described = onnx_graph.load_checkpoint(path)[1]
        return tuple(described[name] for name in ("rates", "snr_db", "realism"))

    path = tmp_path / "weights.pt"
    config = replace(
        CONFIG, rates=(6, 64), rate_odds=(1, 1), snr_db=(5, 25), faithful_share=1, lifelike_share=0
    )
    weights.save(path, link, config, 7, 112, adversarial=False)
    assert claims(path) == ({"1/256": 6, "1/24": 64}, [5, 25], [0, 0])
    weights.save(path, link, CONFIG, 7, 112, adversarial=False)
    usual = claims(path)
    assert usual[0] == {"1/192": 8, "1/96": 16, "1/48": 32, "1/24": 64, "1/16": 96}
    assert usual[1:] == ([-1, 19], [0, 1])
    older = {k: v for k, v in weights.read(path).items() if k not in ("rates", "snr_db", "realism")}
    torch.save(older, path)
    assert claims(path) == usual


def test_networks_of_any_width_and_depth_are_exported_as_they_are(tmp_path):
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package, reason="export needs onnx and onnxscript")
    from percast.engines.export import onnx_graph

    config = replace(CONFIG, encoder_blocks=(1, 1, 2), generator_channels=(24, 16, 8))
    path, link = tmp_path / "weights.pt", Link(config)
    weights.save(path, link, config, 1, 1, adversarial=False)
    networks, _ = onnx_graph.load_checkpoint(path)
    assert len(networks["encoder"].stages[2]) == 2
    assert networks["generator"].stages[0][0].conv1.out_channels == 24


def test_a_checkpoint_of_a_run_can_be_started_from(link, tmp_path):
    path = checkpoint.save(tmp_path, 3, {"ema": link.state_dict()})
    other = Link(CONFIG)
    weights.initial(other, str(path))
    assert same(link, other)


def test_weights_for_latents_of_unit_power_neither_start_nor_export(link, tmp_path):
    path = tmp_path / "weights.pt"
    weights.save(path, link, CONFIG, 7, 112, adversarial=False)
    older = {k: v for k, v in weights.read(path).items() if k != prototype.LEVELLED}
    torch.save(older, path)
    with pytest.raises(ModelError, match="earlier version"):
        weights.initial(Link(CONFIG), str(path))
    pytest.importorskip("onnx", reason="export needs onnx")
    from percast.engines.export import onnx_graph

    with pytest.raises(ModelError, match="earlier version"):
        onnx_graph.load_checkpoint(path)


def test_a_shipped_model_can_be_started_from(model):
    """The ONNX files compute what a link with their weights computes."""
    pytest.importorskip("onnx", reason="weights in ONNX files need onnx")
    from percast.engines.export import onnx_graph
    from percast.engines.runtimes.choose import open_engine

    link = Link(CONFIG)
    weights.initial(link, model.name)
    for network, described in ((link.encoder, model.encoder), (link.generator, model.generator)):
        inputs = onnx_graph.sample(network.eval(), 64, 80)
        (expected,) = onnx_graph.compute(network, inputs).values()
        with open_engine(described.path, "onnxruntime", "fp32") as engine:
            (found,) = engine.run(inputs).values()
        assert abs(found - expected).max() < 2e-3


def test_what_holds_no_weights_is_refused(link, tmp_path):
    (tmp_path / "text.pt").write_text("nothing")
    torch.save({"other": 1}, tmp_path / "other.pt")
    large = Config(steps=1, generator_channels=(208, 128, 64))
    weights.save(tmp_path / "large.pt", Link(large), large, 1, 1, adversarial=False)
    for name in ("text.pt", "other.pt", "large.pt", "no such model"):
        with pytest.raises(ModelError):
            weights.initial(link, str(tmp_path / name) if "." in name else name)


def test_the_last_two_checkpoints_are_kept(tmp_path):
    for step in (5, 10, 15):
        checkpoint.save(tmp_path, step, {"value": torch.tensor(step)})
    assert [path.name for path in checkpoint.all_in(tmp_path)] == [
        "checkpoint-000000015.pt", "checkpoint-000000010.pt",
    ]  # fmt: skip
    assert checkpoint.load_newest(tmp_path)["value"] == 15


def test_a_damaged_checkpoint_falls_back_on_the_one_before(tmp_path, caplog):
    for step in (5, 10):
        checkpoint.save(tmp_path, step, {})
    newest = checkpoint.all_in(tmp_path)[0]
    newest.write_bytes(newest.read_bytes()[:200])
    assert checkpoint.load_newest(tmp_path)["step"] == 5
    assert len(caplog.messages) == 1 and newest.name in caplog.messages[0]
    (tmp_path / "checkpoint-000000005.pt").write_bytes(b"")
    with pytest.raises(ModelError, match="no checkpoint"):
        checkpoint.load_newest(tmp_path)


def test_no_checkpoint_no_resuming(tmp_path):
    with pytest.raises(UsageError, match="no checkpoint"):
        checkpoint.load_newest(tmp_path)
    with pytest.raises(FileError, match="cannot write"):
        checkpoint.save(tmp_path / "missing", 1, {})
