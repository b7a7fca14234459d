# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run leaves behind, starts from and refuses."""

# ruff: noqa: E402 - the imports must follow importorskip
import logging
import sys

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from PIL import Image

from percast.engines.training import start
from percast.engines.training.distributed import Group
from percast.engines.training.losses.perceptual import at_phase
from percast.engines.training.records import checkpoint, weights
from percast.engines.training.trainer import Trainer
from percast.errors import FileError, ModelError, UsageError
from tests.engines.training.runs import ALONE, rows, train


def test_a_run_leaves_all_that_it_promises(tiny, tmp_path, with_features):
    out = tmp_path / "run"
    result = train(tiny(lpips_weight=1, texture_weight=0.5), out)
    assert (result["step"], result["images"]) == (12, 48)
    assert result["images_per_second"] > 0 and 0 < result["data_share"] < 1
    assert result["lpips"] > 0 and result["psnr_db"] > 10

    assert [path.name for path in checkpoint.all_in(out)] == [
        "checkpoint-000000012.pt", "checkpoint-000000008.pt",
    ]  # fmt: skip
    training = rows(out / "train.csv")
    assert [row["step"] for row in training] == ["2", "4", "6", "8", "10", "12"]
    assert [row["stage"] for row in training] == ["1", "1", "1", "2", "2", "2"]
    assert [float(row["judging"]) > 0 for row in training] == [False] * 3 + [True] * 3
    assert all(float(row[name]) > 0 for row in training for name in ("mse", "lpips", "texture"))

    curve = rows(out / "validation.csv")
    assert [row["images"] for row in curve] == ["24", "48"]
    for name in ("lpips", "psnr_db", "lpips 1/48 10dB r1", "psnr_db 1/48 10dB r0"):
        assert all(float(row[name]) > 0 for row in curve)
    with Image.open(out / "samples" / "000000012.png") as sheet:
        # Two held-out pictures, 90x128 and 85x134 before they are cut to blocks; three columns.
        assert sheet.size == (3 * 80, 128 + 128)
    assert weights.read(out / "weights.pt")["seen"] == 48


def test_lpips_looks_from_another_pixel_in_each_step(tiny, tmp_path, with_features, monkeypatch):
    looked = []
    monkeypatch.setattr(
        "percast.engines.training.step.at_phase",
        lambda image, phase, most: (
            looked.append((tuple(phase.tolist()), most)) or at_phase(image, phase, most)
        ),
    )
    train(tiny(steps=8, lpips_weight=1), tmp_path)
    pairs = list(zip(looked[::2], looked[1::2], strict=True))
    assert len(pairs) == 8 and all(received == original for received, original in pairs)
    assert {most for _, most in looked} == {3}
    assert len({phase for phase, _ in looked}) > 3
    assert all(0 <= shift <= 3 for phase, _ in looked for shift in phase)
    looked.clear()
    train(tiny(steps=1, lpips_weight=1, crop=48), tmp_path / "no room for another")
    assert looked == [((0, 0), 0)] * 2


def test_each_stage_has_its_own_rise_and_fall_of_learning_rates(tiny, tmp_path):
    config = tiny(second_lr=0.5, log_every=1, warmup=2)
    train(config, tmp_path)
    rates = [float(row["lr"]) / config.lr for row in rows(tmp_path / "train.csv")]
    assert rates[0] == pytest.approx(0.5)  # of two steps of warm-up
    assert rates[1] > rates[5] and rates[5] < 0.15  # the first cosine's end
    assert rates[6] == pytest.approx(0.25)  # half of the peak, half warm
    assert rates[7] == max(rates[6:]) < 0.5 and rates[11] < 0.1
    kept = weights.read(tmp_path / "weights-stage1.pt")
    assert kept["seen"] == 24


def test_without_features_lpips_is_empty_and_said_once(tiny, tmp_path, monkeypatch, caplog):
    monkeypatch.delenv("PERCAST_PERCEPTUAL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert train(tiny(steps=2), tmp_path / "run")["lpips"] is None
    assert rows(tmp_path / "run" / "validation.csv")[0]["lpips"] == ""
    assert sum("fetch-weights" in message for message in caplog.messages) == 1
    with pytest.raises(ModelError, match="fetch-weights"):
        train(tiny(lpips_weight=1), tmp_path / "other")


def test_a_run_starts_from_given_weights(tiny, tmp_path):
    config = tiny(steps=1)
    train(config, tmp_path / "first")
    start = Trainer(config, tmp_path / "second", ALONE, init=str(tmp_path / "first" / "weights.pt"))
    expected = checkpoint.load_newest(tmp_path / "first")["ema"]
    for name, value in start._link.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-4)


def test_a_missing_tensorboard_is_one_line(tiny, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    train(tiny(steps=1), tmp_path)
    assert sum("TensorBoard is not installed" in message for message in caplog.messages) == 1
    assert not (tmp_path / "events").exists()


def test_tensorboard_gets_numbers_and_pictures(tiny, tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard is optional")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tiny(), tmp_path)
    events = EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    assert {"training/mse", "validation/psnr_db"} <= set(events.Tags()["scalars"])
    assert events.Tags()["images"] == ["samples"]


def test_what_cannot_be_trained_on_is_refused(tiny, tmp_path, images):
    with pytest.raises(UsageError, match="held_out = 10"):
        train(tiny(held_out=10), tmp_path / "a")
    with pytest.raises(UsageError, match="neither"):
        train(tiny(data='"/nowhere"'), tmp_path / "a")
    with pytest.raises(UsageError, match="--data"):
        train(tiny(data='""'), tmp_path / "a")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot write"):
        train(tiny(), tmp_path / "file")


def test_bfloat16_is_refused_on_a_gpu_that_only_emulates_it(tiny, tmp_path, monkeypatch):
    """As Turing does, and cuDNN finds no convolution for it."""
    turing = Group(0, 1, torch.device("cuda", 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: False)
    with pytest.raises(UsageError, match="Tesla T4 has no bfloat16: --set precision=fp32"):
        Trainer(tiny(precision="bf16"), tmp_path, turing)
    start.check_precision(tiny(precision="fp32"), turing.device)
    start.check_precision(tiny(precision="bf16"), torch.device("cpu"))


def test_validation_on_another_folder_leaves_all_data_to_training(tiny, tmp_path, images):
    held_out = Trainer(tiny(), tmp_path / "a", ALONE)
    config = tiny(validation=f'"{images}"', validation_pictures=3)
    apart = Trainer(config, tmp_path / "b", ALONE)
    assert len(held_out._crops._pictures) == 8 and len(apart._crops._pictures) == 10
    assert len(apart._validation._pictures) == 3


def test_progress_is_told_at_level_info(tiny, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        train(tiny(steps=2), tmp_path)
    assert any("images/s" in line and "data" in line for line in caplog.messages)
