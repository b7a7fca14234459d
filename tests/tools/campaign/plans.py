# SPDX-License-Identifier: GPL-3.0-or-later
"""Small plans for the tests."""

from pathlib import Path

from percast.tools.campaign.checking import load_plan
from percast.tools.campaign.running import begin, go_on, plan_of
from percast.tools.campaign.store import Store

SMALL = """
[campaign]
metrics = ["psnr"]
seed = 5
[pictures]
source = "{photos}"
[conditions]
snr = [6, 12]
cbr = ["1/48", "1/24"]
[[channel]]
channel = "awgn"
waveform = false
[[codec]]
model = "base"
"""
"""24 cells of six pictures of 64x64, as bare symbols."""


GREY = "tests.engines.codecs.own:Grey"
"""A codec that costs next to nothing."""


def write(folder: Path, photos: Path, text: str = SMALL, name: str = "small") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text.format(photos=photos))
    return path


def run(path: Path, plan: Path, *changes: str) -> Path:
    """Run a plan in this process; its store."""
    begin(path, load_plan(plan, changes))
    resume(path)
    return path


def resume(path: Path) -> None:
    """Go on with a store in this process."""
    with Store.open(path, write=True) as store:
        go_on(store, plan_of(store), None, 1, lambda done: None)
