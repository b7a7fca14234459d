# SPDX-License-Identifier: GPL-3.0-or-later
"""Going on with a run, and what is never saved."""

# ruff: noqa: E402 - the imports must follow importorskip
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.training import schedule
from percast.engines.training.losses import terms as losses
from percast.engines.training.records import checkpoint
from percast.engines.training.trainer import Trainer
from percast.errors import ModelError
from tests.engines.training.runs import ALONE, rows, states_equal, train


def test_a_resumed_run_is_bit_for_bit_an_uninterrupted_one(resumed, with_features):
    whole, parts = resumed(lpips_weight=1, texture_weight=0.5, second_lr=0.5)
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
