# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 - the imports must follow importorskip
import csv
import logging
import sys

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from PIL import Image

from percast.engines.training import checkpoint, crops, weights
from percast.engines.training.distributed import Group
from percast.engines.training.trainer import Trainer
from percast.errors import FileError, ModelError, UsageError

ALONE = Group(0, 1, torch.device("cpu"))


def train(config, out, **options):
    return Trainer(config, out, ALONE, **options).run()


def rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def states_equal(a, b) -> bool:
    """Of checkpoints, but for the time that they took."""
    if isinstance(a, dict):
        keys = a.keys() - {"minutes"}
        return keys == b.keys() - {"minutes"} and all(states_equal(a[k], b[k]) for k in keys)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(states_equal, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.fixture
def resumed(tiny, tmp_path):
    """Runs 12 steps, and 8 of 12 steps which are then resumed; gives both folders."""

    def resumed(**changes):
        config = tiny(**changes)
        whole, parts = tmp_path / "whole", tmp_path / "parts"
        train(config, whole)
        trainer = Trainer(config, parts, ALONE)
        steps = trainer._train_step

        def until_eight(share):
            if trainer.step == 9:  # one step after a checkpoint
                raise InterruptedError
            steps(share)

        trainer._train_step = until_eight
        with pytest.raises(InterruptedError):
            trainer.run()
        assert checkpoint.load_newest(parts)["step"] == 8
        train(config, parts, resume=checkpoint.load_newest(parts))
        return whole, parts

    return resumed


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


def test_without_features_lpips_is_empty_and_said_once(tiny, tmp_path, monkeypatch, caplog):
    monkeypatch.delenv("PERCAST_PERCEPTUAL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert train(tiny(steps=2), tmp_path / "run")["lpips"] is None
    assert rows(tmp_path / "run" / "validation.csv")[0]["lpips"] == ""
    assert sum("fetch-weights" in message for message in caplog.messages) == 1
    with pytest.raises(ModelError, match="fetch-weights"):
        train(tiny(lpips_weight=1), tmp_path / "other")


def test_training_lowers_the_error(tiny, tmp_path):
    config = tiny(
        steps=60, adversary_from=1, log_every=20, validate_every=20, ema=0.5, precision="fp32"
    )
    train(config, tmp_path)
    mse = [float(row["mse"]) for row in rows(tmp_path / "train.csv")]
    curve = [float(row["psnr_db"]) for row in rows(tmp_path / "validation.csv")]
    assert mse[-1] < 0.9 * mse[0]
    assert curve[-1] > curve[0] + 0.03


WEIGHTS = ("mse_weight", "lpips_weight", "texture_weight", "adversarial_weight")


@pytest.mark.parametrize("alone", WEIGHTS)
def test_the_networks_learn_from_every_term(tiny, tmp_path, with_features, alone):
    """Of the second stage, one term at a time; a step's gradient is in train.csv."""
    only = dict.fromkeys(WEIGHTS, 0) | {alone: 1}
    train(tiny(steps=1, log_every=1, adversary_from=0, **only), tmp_path)
    assert float(rows(tmp_path / "train.csv")[0]["gradient"]) > 0


def test_the_networks_learn_from_nothing_else(tiny, tmp_path, with_features):
    nothing = dict.fromkeys(WEIGHTS, 0)
    train(tiny(steps=1, log_every=1, adversary_from=0, **nothing), tmp_path / "nothing")
    assert float(rows(tmp_path / "nothing" / "train.csv")[0]["gradient"]) == 0
    early = nothing | {"texture_weight": 1, "adversarial_weight": 1}
    train(tiny(steps=1, log_every=1, adversary_from=0.9, **early), tmp_path / "early")
    assert float(rows(tmp_path / "early" / "train.csv")[0]["gradient"]) == 0


def test_a_resumed_run_is_bit_for_bit_an_uninterrupted_one(resumed, with_features):
    whole, parts = resumed(lpips_weight=1, texture_weight=0.5)
    assert states_equal(checkpoint.load_newest(whole), checkpoint.load_newest(parts))
    timeless = [
        [{k: v for k, v in row.items() if not k.startswith(("minutes", "images_per", "data_sh"))}
         for row in rows(folder / "validation.csv")]
        for folder in (whole, parts)
    ]  # fmt: skip
    assert timeless[0] == timeless[1]
    assert [row["step"] for row in rows(parts / "train.csv")] == ["2", "4", "6", "8", "10", "12"]


def test_another_seed_is_another_run(tiny, tmp_path):
    states = []
    for seed in (0, 0, 1):
        out = tmp_path / str(len(states))
        train(tiny(seed=seed, steps=3), out)
        states.append(checkpoint.load_newest(out)["link"])
    assert states_equal(states[0], states[1]) and not states_equal(states[0], states[2])


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(tiny, tmp_path):
    train(tiny(steps=4), tmp_path)
    broken = checkpoint.load_newest(tmp_path)
    broken["optimisers"][1]["param_groups"][0]["peak_lr"] = 1e38
    with pytest.raises(ModelError, match="not finite") as error:
        train(tiny(steps=400), tmp_path, resume=broken)
    assert error.value.exit_code == 4
    assert "checkpoint-000000004.pt is whole" in str(error.value)
    assert "\n" not in str(error.value)
    state = checkpoint.load_newest(tmp_path)
    assert state["step"] == 4
    assert all(torch.isfinite(value).all() for value in state["ema"].values())


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."),
     RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")],
)  # fmt: skip
def test_running_out_of_memory_names_batch_and_size(tiny, tmp_path, monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr(crops.HostCrops, "__call__", full)
    with pytest.raises(ModelError, match=r"batch = 4 crops of 64x64: --set batch=2") as raised:
        train(tiny(), tmp_path)
    assert raised.value.exit_code == 4


def test_a_bug_is_not_taken_for_a_lack_of_memory(tiny, tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(crops.HostCrops, "__call__", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        train(tiny(), tmp_path)


def test_the_error_alone_is_trained_on_where_that_is_asked_for(tiny, tmp_path, monkeypatch):
    """The mse preset: no adversary in the checkpoint, no realism, no features needed."""
    config = tiny(adversarial_weight=0, faithful_share=1, lifelike_share=0, steps=2)
    train(config, tmp_path)
    assert checkpoint.load_newest(tmp_path)["adversary"] is None
    assert {row["lpips"] for row in rows(tmp_path / "train.csv")} == {"0"}


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
