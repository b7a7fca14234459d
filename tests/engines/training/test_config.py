# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from percast.engines.codecs import learned
from percast.engines.training import config as configuration
from percast.engines.training.config import PRESETS, Config
from percast.errors import FileError, UsageError


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_loads(name):
    assert isinstance(configuration.load(name), Config)


def test_base_is_what_the_defaults_say():
    assert configuration.load("base") == Config(minutes=180)


def test_mse_is_base_without_perception():
    base, mse = configuration.load("base"), configuration.load("mse")
    different = {name for name, value in mse.to_dict().items() if base.to_dict()[name] != value}
    assert not mse.perceptual and not mse.adversarial and base.perceptual and base.adversarial
    assert (mse.faithful_share, mse.lifelike_share) == (1, 0)
    assert different == {
        "adversary_from", "lpips_weight", "texture_weight", "adversarial_weight",
        "faithful_share", "lifelike_share", "validation_points",
    }  # fmt: skip


def test_training_covers_the_rates_that_models_have(model):
    assert set(model.rates.values()) == set(Config(steps=1).rates)
    assert model.snr_db == Config(steps=1).snr_db
    assert learned._CONDITION_SNR_DB == 20


def test_a_file_and_changes_to_it(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("steps = 10\nbatch = 8\nrates = [8, 96]\nrate_odds = [1, 2.5]\n")
    config = configuration.load(str(path), ["batch=4", "data=/some/where", "lr=1e-3"])
    assert (config.steps, config.batch, config.lr, config.data) == (10, 4, 1e-3, "/some/where")
    assert config.rate_odds == (1.0, 2.5)


def test_a_wish_for_steps_replaces_the_minutes_of_a_preset():
    config = configuration.load("base", ["steps=5"])
    assert (config.steps, config.minutes) == (5, 0)
    assert configuration.change(config, ["minutes=2"]).steps == 0


def test_plain_values_come_back():
    config = configuration.load("tiny", ["seed=3"])
    assert configuration.from_dict(config.to_dict(), "test") == config


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("bach=3", "did you mean 'batch'"),
        ("batch=many", "whole number"),
        ("batch=2.5", "whole number"),
        ("batch=0", "at least 1"),
        ("compile=1", "true or false"),
        ("crop=100", "multiple of 16"),
        ("lr=-1", "positive"),
        ("lr=nan", "positive"),
        ("faithful_share=0.9", "exceed 1"),
        ("rates=[8,97]", "even numbers"),
        ("rates=8", "list of numbers"),
        ("rate_odds=[1,2]", "as many as rates"),
        ("rate_odds=[1,2,3,4,inf]", "as many as rates"),
        ("validation_points=[[16,10]]", "latent channels, SNR, realism"),
        ("validation_points=[[16,10,2]]", "outside of what is trained"),
        ("encoder_channels=[64,128]", "three"),
        ("minutes=0", "one must be positive"),
        ("batch", "key=value"),
    ],
)
def test_a_wrong_setting_is_named(wrong, complaint):
    with pytest.raises(UsageError, match=complaint):
        configuration.load("base", [wrong])


def test_no_such_file(tmp_path):
    with pytest.raises(UsageError, match="tiny, base, mse"):
        configuration.load("bass")
    with pytest.raises(FileError):
        configuration.load(str(tmp_path))
    (tmp_path / "bad.toml").write_text("steps = = 3")
    with pytest.raises(UsageError, match="no TOML"):
        configuration.load(str(tmp_path / "bad.toml"))
