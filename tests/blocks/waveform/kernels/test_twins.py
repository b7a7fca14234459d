# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels say whose twins they are."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from percast.blocks import waveform
from percast.blocks.waveform import kernels

ROOM = Path(waveform.__file__).parent
KERNELS = Path(kernels.__file__).parent
MODULES = {
    file.stem: "percast.blocks.waveform." + ".".join(file.relative_to(ROOM).with_suffix("").parts)
    for file in ROOM.rglob("*.py")
    if KERNELS not in file.parents
}


def resolve(name: str) -> object:
    """What `module.attribute` of the waveform is, or any name from `percast.` on."""
    if name.startswith("percast."):
        path, attribute = name.rsplit(".", 1)
    else:
        module, attribute = name.split(".")
        path = MODULES[module]
    there = import_module(path)
    return getattr(there, attribute, None) or import_module(f"{path}.{attribute}")


@pytest.mark.parametrize("file", sorted(KERNELS.glob("*.py")), ids=lambda file: file.stem)
def test_every_twin_that_a_kernel_names_is_there(file):
    for name in re.findall(r"`([a-z_]+(?:\.\w+)+)`", file.read_text()):
        assert resolve(name) is not None, name
