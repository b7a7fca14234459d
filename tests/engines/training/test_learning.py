# SPDX-License-Identifier: GPL-3.0-or-later
"""What training learns from: every term with its sign, gradients, precision and schedule."""

# ruff: noqa: E402 - the imports must follow importorskip
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from torch import nn

from percast.engines.training import klt, schedule
from percast.engines.training.data import seeds
from percast.engines.training.losses import terms as losses
from percast.engines.training.losses.perceptual import Perceptual
from percast.engines.training.records import checkpoint
from percast.engines.training.trainer import Trainer
from tests.engines.training.runs import ALONE, rows, train

WEIGHTS = ("mse_weight", "lpips_weight", "texture_weight", "adversarial_weight")


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


def test_the_average_moves_by_what_its_decay_leaves(tiny, tmp_path):
    trainer = Trainer(tiny(steps=1, warmup=1, ema=0.9), tmp_path, ALONE)
    before = [p.clone() for p in trainer._ema.parameters()]
    trainer.run()
    share = 1 - schedule.ema_decay(trainer.config, trainer.step - 1)
    assert 0 < share < 1
    moved = False
    for old, new, average in zip(
        before, trainer._link.parameters(), trainer._ema.parameters(), strict=True
    ):
        torch.testing.assert_close(average, old.lerp(new.detach(), share))
        moved |= not torch.equal(old, new)
    assert moved


def test_the_average_is_what_is_validated(tiny, tmp_path, monkeypatch):
    trainer = Trainer(tiny(steps=1), tmp_path, ALONE)
    validate, given = trainer._validation, []
    monkeypatch.setattr(
        trainer, "_validation", lambda link: (given.append(link), validate(link))[1]
    )
    trainer.run()
    assert given == [trainer._ema]


def test_a_crop_is_judged_at_the_realism_that_the_generator_is_told(tiny, tmp_path, monkeypatch):
    trainer = Trainer(tiny(steps=1, faithful_share=0.25, lifelike_share=0.25), tmp_path, ALONE)
    forward, judge = trainer._work.forward, losses.distortion_loss
    told, judged = [], []
    monkeypatch.setattr(
        trainer._work,
        "forward",
        lambda image, c, air: (told.append(c.realism), forward(image, c, air))[1],
    )
    monkeypatch.setattr(
        losses,
        "distortion_loss",
        lambda t, realism, c: (judged.append(realism), judge(t, realism, c))[1],
    )
    trainer.run()
    assert torch.equal(told[0], judged[0]) and told[0].min() < told[0].max()


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

    def watched(original, picture, sent):
        given.append((original.clone(), picture))
        return learn(original, picture, sent)

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
    """torch's own backend compiles for two minutes; the other one runs the graph as it was
    traced."""
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


def test_the_error_alone_is_trained_on_where_that_is_asked_for(tiny, tmp_path, monkeypatch):
    """The mse preset: no adversary in the checkpoint, no realism, no features needed."""
    config = tiny(adversarial_weight=0, faithful_share=1, lifelike_share=0, steps=2)
    train(config, tmp_path)
    assert checkpoint.load_newest(tmp_path)["adversary"] is None
    assert {row["lpips"] for row in rows(tmp_path / "train.csv")} == {"0"}
