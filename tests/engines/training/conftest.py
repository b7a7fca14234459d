# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of training share. Nothing here needs torch until a fixture is used."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from percast.engines.manifest import Model
from percast.engines.metrics import WEIGHT_FILES
from percast.engines.training import config as configuration
from percast.engines.training.config import Config

# As in AlexNet: layer, outputs, inputs, kernel.
_ALEXNET = ((0, 64, 3, 11), (3, 192, 64, 5), (6, 384, 192, 3), (8, 256, 384, 3), (10, 256, 256, 3))


@pytest.fixture(scope="session")
def model(model) -> Model:
    """The shipped model, with its dial over the whole realism of the training."""
    return replace(model, realism=Config(steps=1).realism)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Two threads on a busy machine wait for each other; and results depend on the number."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def some_features(tmp_path_factory) -> Path:
    """Weights of LPIPS's shape with random values: features as good as any to run on."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("features")
    alexnet, heads = {}, {}
    for index, (layer, outputs, inputs, kernel) in enumerate(_ALEXNET):
        deviation = (2 / (inputs * kernel**2)) ** 0.5
        shape = (outputs, inputs, kernel, kernel)
        alexnet[f"features.{layer}.weight"] = rng.normal(0, deviation, shape).astype(np.float32)
        alexnet[f"features.{layer}.bias"] = np.zeros(outputs, np.float32)
        head = rng.random((1, outputs, 1, 1)) * 2 / outputs
        heads[f"lin{index}.model.1.weight"] = head.astype(np.float32)
    for name, tensors in zip(WEIGHT_FILES, (alexnet, heads), strict=True):
        save_file(tensors, folder / name)
    return folder


@pytest.fixture
def with_features(some_features, monkeypatch) -> None:
    """What is opened finds those features; so do processes that are started."""
    monkeypatch.setenv("PERCAST_PERCEPTUAL", str(some_features))


@pytest.fixture(scope="session")
def images(tmp_path_factory, draw) -> Path:
    """A folder of ten pictures of different sizes."""
    folder = tmp_path_factory.mktemp("images")
    for index in range(10):
        picture = draw(80 + 6 * index, 130 - 5 * index, seed=index)
        Image.fromarray(picture).save(folder / f"{index:02}.png")
    return folder


@pytest.fixture
def tiny(images) -> Callable[..., Config]:
    """The preset tiny on those pictures, with changes; it needs no features unless asked to."""

    def tiny(**changes: object) -> Config:
        settings = {"data": f'"{images}"', "lpips_weight": 0, "texture_weight": 0, **changes}
        return configuration.load("tiny", [f"{key}={value}" for key, value in settings.items()])

    return tiny


@pytest.fixture(scope="session")
def command() -> list[str]:
    """The start of a `percast` command; skips where the command line lacks packages."""
    for package in ("rich", "zmq"):
        pytest.importorskip(package, reason=f"the command line needs {package}")
    return [sys.executable, "-m", "percast.tools.cli"]


@pytest.fixture(scope="session")
def start(command) -> Callable[..., subprocess.Popen]:
    """Starts `percast train ...` in a process of its own, on one thread of the CPU."""

    def start(*arguments: object, before: tuple[str, ...] = ()) -> subprocess.Popen:
        return subprocess.Popen(
            [*(before or command), "train", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        )

    return start


@pytest.fixture
def resumed(tiny, tmp_path):
    """Runs 12 steps, and 8 of 12 steps which are then resumed; gives both folders."""
    from percast.engines.training.records import checkpoint
    from percast.engines.training.trainer import Trainer
    from tests.engines.training.runs import ALONE

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
