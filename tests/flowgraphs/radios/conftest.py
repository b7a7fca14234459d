# SPDX-License-Identifier: GPL-3.0-or-later
"""A radio that is asked for, and the packages that tests need."""

import importlib.util

import pytest

from percast.flowgraphs.radios.config import RadioConfig


def config(device: str, args: str = "", **options) -> RadioConfig:
    """A radio at 2 Msps and 2.41 GHz."""
    return RadioConfig(device, args, 2e6, **{"freq": 2.41e9, **options})


def need(module: str, package: str) -> None:
    """Skip the test where a package is missing."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"not installed: apt install {package}")
