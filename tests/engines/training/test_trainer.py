# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 - the imports must follow importorskip
import csv
import logging
import sys

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from PIL import Image
from torch import nn

from percast.engines.training import (
    checkpoint,
    crops,
    klt,
    losses,
    memory,
    schedule,
    seeds,
    weights,
)
from percast.engines.training.distributed import Group
from percast.engines.training.perceptual import Perceptual
from percast.engines.training.trainer import Trainer
from percast.engines.training.validation import Validation
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

    def resumed(group=ALONE, **changes):
        config = tiny(**changes)
        whole, parts = tmp_path / "whole", tmp_path / "parts"
        Trainer(config, whole, group).run()
        trainer = Trainer(config, parts, group)
        steps = trainer._train_step

        def until_eight(share):
            if trainer.step == 9:  # one step after a checkpoint
                raise InterruptedError
            steps(share)

        trainer._train_step = until_eight
        with pytest.raises(InterruptedError):
            trainer.run()
        assert checkpoint.load_newest(parts)["step"] == 8
        Trainer(config, parts, group, resume=checkpoint.load_newest(parts)).run()
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


def test_training_lowers_the_error(tiny, tmp_path, monkeypatch):
    """From random weights: after the KLT, which is as good as drawings need, little is left."""
    monkeypatch.setattr(klt, "initialise", lambda *_: None)
    config = tiny(
        steps=60, adversary_from=1, log_every=20, validate_every=20, ema=0.5, precision="fp32"
    )
    train(config, tmp_path)
    mse = [float(row["mse"]) for row in rows(tmp_path / "train.csv")]
    curve = [float(row["psnr_db"]) for row in rows(tmp_path / "validation.csv")]
    assert mse[-1] < 0.65 * mse[0]
    assert curve[-1] > curve[0] + 1.5


WEIGHTS = ("mse_weight", "lpips_weight", "texture_weight", "adversarial_weight")


@pytest.mark.parametrize("alone", WEIGHTS)
def test_the_networks_learn_from_every_term(tiny, tmp_path, with_features, alone):
    """One term at a time; a step's gradient is in train.csv."""
    only = dict.fromkeys(WEIGHTS, 0) | {alone: 1}
    train(tiny(steps=1, log_every=1, adversary_from=0, **only), tmp_path)
    assert float(rows(tmp_path / "train.csv")[0]["gradient"]) > 0


@pytest.fixture
def every_step_alike(monkeypatch):
    """The same crops through the same noise in every step: a figure moves by learning alone."""
    drawn = seeds.sequence
    monkeypatch.setattr(
        seeds, "sequence", lambda purpose, seed, process, step: drawn(purpose, seed, process, 0)
    )


@pytest.mark.parametrize("alone", WEIGHTS)
def test_every_term_falls_where_it_is_trained_on(
    tiny, tmp_path, with_features, every_step_alike, alone
):
    """0.17 to 0.73 of what they were, measured; the discriminator is held still for its own."""
    only = dict.fromkeys(WEIGHTS, 0) | {alone: 1, "faithful_share": 0, "lifelike_share": 1}
    config = tiny(
        steps=24, log_every=1, save_every=50, validate_every=50, adversary_from=0, lr=1e-3,
        discriminator_lr=1e-9, **only,
    )  # fmt: skip
    train(config, tmp_path)
    name = "fooling" if alone == "adversarial_weight" else alone.removesuffix("_weight")
    curve = [float(row[name]) for row in rows(tmp_path / "train.csv")]
    assert 0 < curve[-1] < 0.85 * curve[0]


def test_lpips_and_texture_are_not_mistaken_for_each_other(
    tiny, tmp_path, with_features, monkeypatch
):
    def distances(self, image, original, with_texture=True):
        return image.new_full((len(image),), 3.0), image.new_full((len(image),), 5.0)

    monkeypatch.setattr(Perceptual, "forward", distances)
    train(tiny(steps=1, log_every=1, adversary_from=0, lpips_weight=1, texture_weight=1), tmp_path)
    (row,) = rows(tmp_path / "train.csv")
    assert (row["lpips"], row["texture"]) == ("3", "5")


def test_the_discriminator_is_told_which_is_the_original(tiny, tmp_path, monkeypatch):
    trainer = Trainer(tiny(steps=3, adversary_from=0), tmp_path, ALONE)
    learn, given = trainer._adversary.learn, []

    def watched(original, picture, sent, share):
        given.append((original, picture))
        return learn(original, picture, sent, share)

    monkeypatch.setattr(trainer._adversary, "learn", watched)
    trainer.run()
    assert len(given) == 3
    for step, (original, picture) in enumerate(given):
        assert torch.equal(original, trainer._crops(step))
        assert not torch.equal(picture, original)


def test_gradients_are_clipped_before_they_are_used(tiny, tmp_path):
    config = tiny(steps=3, log_every=1, adversary_from=0, clip=0.01, discriminator_clip=0.001)
    trainer = Trainer(config, tmp_path, ALONE)
    networks = {
        trainer._link: (trainer._optimisers[0], 0.01, "gradient"),
        trainer._adversary._discriminator: (
            trainer._adversary.optimiser, 0.001, "judging_gradient",
        ),
    }  # fmt: skip
    norms = {network: [] for network in networks}
    for network, (optimiser, _, _) in networks.items():
        optimiser.register_step_pre_hook(
            lambda *_, network=network: norms[network].append(
                nn.utils.get_total_norm([p.grad for p in network.parameters()])
            )
        )
    trainer.run()
    for network, (_, clip, column) in networks.items():
        before = [float(row[column]) for row in rows(tmp_path / "train.csv")]
        assert len(norms[network]) == 3 and min(before) > 2 * clip
        assert norms[network] == pytest.approx([clip] * 3, rel=0.01)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_the_networks_compute_in_the_precision_asked_for(tiny, tmp_path, precision, dtype):
    trainer = Trainer(tiny(steps=1, adversary_from=0, precision=precision), tmp_path, ALONE)
    found = set()
    for network in (trainer._link.encoder, trainer._link.generator):
        layer = network.stages[0][0].conv1
        layer.register_forward_hook(lambda module, given, out: found.add(out.dtype))
    judge = trainer._adversary._discriminator.layers[0]
    judge.register_forward_hook(lambda module, given, out: found.add(out.dtype))
    trainer._train_step(0.0)
    assert found == {dtype}


def test_learning_rates_follow_the_schedule(tiny, tmp_path):
    config = tiny(steps=6, log_every=1, lr=2e-3)
    train(config, tmp_path)
    expected = [2e-3 * schedule.lr_factor(config, step / 6, step) for step in range(6)]
    found = [float(row["lr"]) for row in rows(tmp_path / "train.csv")]
    assert found == pytest.approx(expected, rel=1e-5) and len(set(found)) == 6


def test_the_networks_learn_from_nothing_else(tiny, tmp_path, with_features):
    nothing = dict.fromkeys(WEIGHTS, 0)
    train(tiny(steps=1, log_every=1, adversary_from=0, **nothing), tmp_path / "nothing")
    assert float(rows(tmp_path / "nothing" / "train.csv")[0]["gradient"]) == 0
    early = nothing | {"adversarial_weight": 1}
    train(tiny(steps=1, log_every=1, adversary_from=0.9, **early), tmp_path / "early")
    assert float(rows(tmp_path / "early" / "train.csv")[0]["gradient"]) == 0


@pytest.mark.parametrize(
    "backend",
    ["eager", pytest.param("inductor", marks=[pytest.mark.long, pytest.mark.timeout(900)])],
)
def test_a_compiled_run_learns_what_any_other_does(tiny, tmp_path, monkeypatch, backend):
    """torch's own backend compiles for two minutes; the other one runs the graph as it was traced."""
    traced = []

    def compile_it(module):
        traced.append(module)
        return compiled(module, backend=backend)

    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", compile_it)
    settings = {"steps": 3, "log_every": 1, "adversary_from": 0.5, "precision": "fp32"}
    curves = []
    for wish in ("false", "true"):
        config = tiny(**settings, compile=wish)
        train(config, tmp_path / wish)
        curves.append([float(row["mse"]) for row in rows(tmp_path / wish / "train.csv")])
    assert len(traced) == 1 and len(curves[0]) == 3
    assert curves[1] == pytest.approx(curves[0], rel=1e-3)
    names = [checkpoint.load_newest(tmp_path / wish)["link"].keys() for wish in ("false", "true")]
    assert names[0] == names[1]  # so that a run may be resumed without, and exported


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


def test_a_resumed_run_learns_at_its_own_rates(tiny, tmp_path):
    """Not at those of the run that was: they are what a run that went wrong is resumed with."""
    train(tiny(steps=4, log_every=4), tmp_path)
    changed = {"lr": 1e-5, "muon_lr": 2e-5, "discriminator_lr": 3e-5, "weight_decay": 0.5}
    config = tiny(steps=8, log_every=4, **changed)
    resumed = Trainer(config, tmp_path, ALONE, resume=checkpoint.load_newest(tmp_path))
    optimisers = (*resumed._optimisers, resumed._adversary.optimiser)
    groups = [optimiser.param_groups[0] for optimiser in optimisers]
    assert [group["peak_lr"] for group in groups] == [2e-5, 1e-5, 3e-5]
    assert [group["weight_decay"] for group in groups] == [0, 0.5, 0]
    resumed.run()
    before, after = (float(row["lr"]) for row in rows(tmp_path / "train.csv"))
    assert after == pytest.approx(1e-5 * schedule.lr_factor(config, 7 / 8, 7), rel=1e-5)
    assert before > 10 * after


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(tiny, tmp_path):
    train(tiny(steps=4), tmp_path)
    with pytest.raises(ModelError, match="not finite") as error:
        train(tiny(steps=400, lr=1e38), tmp_path, resume=checkpoint.load_newest(tmp_path))
    assert error.value.exit_code == 4
    assert "checkpoint-000000004.pt is whole" in str(error.value)
    assert "\n" not in str(error.value)
    state = checkpoint.load_newest(tmp_path)
    assert state["step"] == 4
    assert all(torch.isfinite(value).all() for value in state["ema"].values())


@pytest.mark.parametrize("part", ["link", "ema", "adversary"])
def test_weights_that_are_not_finite_are_not_saved(tiny, tmp_path, part):
    trainer = Trainer(tiny(steps=4), tmp_path, ALONE)
    trainer.run()
    network = (
        trainer._adversary._discriminator if part == "adversary" else vars(trainer)[f"_{part}"]
    )
    with torch.no_grad():
        next(network.parameters())[0] = torch.nan
    trainer.step = 5
    with pytest.raises(ModelError, match="weights are not finite .*000000004.pt is whole"):
        trainer._save()
    assert [path.name for path in checkpoint.all_in(tmp_path)] == ["checkpoint-000000004.pt"]


def test_a_discriminator_that_goes_wrong_is_noticed_at_that_step(tiny, tmp_path, monkeypatch):
    """Its loss is finite, its gradient is not; both belong to the figures."""
    right = losses.discriminator_loss
    monkeypatch.setattr(
        losses, "discriminator_loss", lambda *logits: right(*logits) + (0 * logits[0]).sum().sqrt()
    )
    with pytest.raises(ModelError, match="the loss is not finite at step 1,"):
        train(tiny(steps=1, log_every=1, adversary_from=0), tmp_path)


MEMORY_ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    MemoryError(),
]


@pytest.fixture
def fill_up(monkeypatch):
    """(class, its method, error) -> the method fails from now on."""

    def fill_up(owner, method, error=MEMORY_ERRORS[0]):
        def full(*_, **__):
            raise error

        monkeypatch.setattr(owner, method, full)

    return fill_up


@pytest.mark.parametrize("error", MEMORY_ERRORS)
def test_running_out_of_memory_names_batch_and_size(tiny, tmp_path, fill_up, error):
    train(tiny(steps=4), tmp_path)
    fill_up(crops.HostCrops, "__call__", error)
    with pytest.raises(ModelError, match="batch = 4 crops of 64x64; .*: --set batch=2$") as raised:
        train(tiny(), tmp_path, resume=checkpoint.load_newest(tmp_path))
    assert raised.value.exit_code == 4
    assert "checkpoint-000000004.pt is whole" in str(raised.value)


def test_the_remedy_for_a_lack_of_memory_helps(tiny, tmp_path, fill_up):
    assert memory.smaller(tiny(batch=1, crop=192)) == "--set crop=96"
    assert memory.smaller(tiny(batch=1, crop=64)) == "--set crop=48"
    assert "--set" not in memory.smaller(tiny(batch=1, crop=48))
    fill_up(Validation, "__call__")
    with pytest.raises(ModelError, match="no checkpoint yet: .* validation_pictures=0"):
        train(tiny(validate_every=2), tmp_path / "a")
    fill_up(crops.HostCrops, "__init__")
    with pytest.raises(ModelError, match="no checkpoint yet: .* crops=host"):
        train(tiny(), tmp_path / "b")


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
