# SPDX-License-Identifier: GPL-3.0-or-later
"""How large the models of three sizes are: their arithmetic, and their files."""

# ruff: noqa: E402 - the imports must follow importorskip
import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from torch import nn

from percast.engines.networks import Encoder, Generator
from percast.engines.training import config as configuration
from percast.engines.training.config import Config

DOC = Path(__file__).parents[2] / "docs" / "training.md"
SIDE = 64


def gmac(config: Config) -> float:
    """Multiplications of both networks at 256x256, in units of 10^9."""
    counted = []

    def count(layer, given, output):
        counted.append(output.numel() * layer.weight[0].numel())

    networks = (
        Encoder(config.encoder_channels, config.encoder_blocks),
        Generator(config.generator_channels, config.generator_blocks),
    )
    h = SIDE // 16
    shapes = {"image": (3, SIDE, SIDE), "latent": (96, h, h), "reliability": (48, h, h)}
    for network in networks:
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(count)
        with torch.inference_mode():
            network(*(
                torch.zeros(1, *shapes.get(name, (network.condition_size,)))
                for name in network.inputs
            ))  # fmt: skip
    return sum(counted) * (256 / SIDE) ** 2 / 1e9


def megabytes(config: Config) -> float:
    """Of the weights of both networks in fp16."""
    networks = (
        Encoder(config.encoder_channels, config.encoder_blocks),
        Generator(config.generator_channels, config.generator_blocks),
    )
    return sum(2 * p.numel() for network in networks for p in network.parameters()) / 1e6


def documented() -> dict[str, tuple[float, float]]:
    """GMAC and MB of the table of sizes."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([\d.]+) \| ([\d.]+) MB \|$", DOC.read_text(), re.M)
    return {name: (float(work), float(size)) for name, work, size in rows}


@pytest.fixture(scope="module")
def sizes() -> dict[str, Config]:
    command = re.search(r"percast train --config gpu --init base .*?```", DOC.read_text(), re.S)[0]
    changes = re.findall(r"--set '(\S+)'", command)
    return {
        "lite": configuration.load("lite"),
        "base": configuration.load("base"),
        "large": configuration.load("gpu", changes),
    }


def test_each_size_is_what_its_purpose_allows(sizes):
    assert gmac(sizes["lite"]) <= 1.2
    assert gmac(sizes["large"]) <= 20 and megabytes(sizes["large"]) <= 48


def test_the_documentation_tells_them_right(sizes):
    told = documented()
    assert told.keys() == sizes.keys()
    for name, config in sizes.items():
        work, size = told[name]
        assert gmac(config) == pytest.approx(work, rel=0.01)
        assert megabytes(config) == pytest.approx(size, rel=0.01)


def test_large_can_be_grown_from_base(sizes):
    base, large = sizes["base"], sizes["large"]
    for name in ("encoder_channels", "encoder_blocks", "generator_channels", "generator_blocks"):
        pairs = zip(getattr(large, name), getattr(base, name), strict=True)
        assert all(more >= less for more, less in pairs)
