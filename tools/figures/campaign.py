# SPDX-License-Identifier: GPL-3.0-or-later
"""What campaigns cost, and how that grows.

    python -m percast.tools.figures.campaign [--cells N]

Prints as JSON: seconds a cell of the `quick` plan with one worker (this process) and with two (a
local Dask cluster), on the clock and of the processor, and so the speed-up; then, for a codec that
costs next to nothing, milliseconds a cell at the beginning and at the end of a campaign of so many
cells, which is what store and order cost, with the store's size and the time to read it.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from percast.engines.codecs.contract import Codec, CodedImage, NoiseVariance, Picture, Symbols
from percast.tools.campaign.checking import load_plan
from percast.tools.campaign.places import find_plan
from percast.tools.campaign.running import begin, go_on, plan_of
from percast.tools.campaign.store import Store

_CHEAP = """
[campaign]
metrics = ["psnr"]
repeats = {repeats}
[pictures]
source = "demo"
size = "64x64"
frames = 4
[conditions]
snr = [0, 5, 10, 15, 20]
[[channel]]
waveform = false
[[codec]]
codec = "percast.tools.figures.campaign:Grey"
cbr = ["1/768", "1/384", "1/192", "1/96", "1/48"]
"""
_A_REPEAT = 100  # cells


class Grey(Codec):
    """A codec that costs next to nothing: every picture is grey. Only for timing."""

    codec_id = 254

    def encode(self, rgb: Picture) -> tuple[CodedImage, Symbols]:
        height, width = rgb.shape[:2]
        count = self.symbol_count(height, width, self.cbr)
        return self.coded(height, width), np.ones(count, np.complex64)

    def decode(
        self,
        coded: CodedImage,
        symbols: Symbols,
        noise_var: NoiseVariance,
        realism: float | None = None,
    ) -> Picture:
        return np.full((coded.height, coded.width, 3), 128, np.uint8)

    def symbol_count(self, height: int, width: int, cbr: Fraction) -> int:
        return max(1, round(3 * height * width * cbr))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=10_000, help="of the cheap codec")
    parser.add_argument("--quick-frames", type=int, default=4, help="pictures of the quick plan")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        changes = (f"pictures.frames={args.quick_frames}",)
        quick = {
            workers: _cost(Path(folder, f"{workers}.sqlite"), workers, changes)
            for workers in (1, 2)
        }
        told = {
            "quick": {f"workers {workers}": cost for workers, cost in quick.items()},
            "speed_up_of_two_workers": round(
                quick[1]["seconds_a_cell"] / quick[2]["seconds_a_cell"], 2
            ),
            "cheap": _growth(Path(folder), args.cells),
        }
    print(json.dumps(told, indent=1))
    return 0


def _run(path: Path, plan: Path, workers: int, changes: Sequence[str] = ()) -> None:
    begin(path, load_plan(plan, changes))
    with Store.open(path, write=True) as store:
        go_on(store, plan_of(store), None, workers, lambda done: None)


def _cost(path: Path, workers: int, changes: Sequence[str]) -> dict[str, float]:
    """Seconds a cell: on the clock, from the first quarter of the cells on, without the start; and
    of all processors, with it."""
    before = _processor_seconds()
    _run(path, find_plan("quick"), workers, changes)
    used = _processor_seconds() - before
    with Store.open(path) as store:
        done = sorted(store.finished(1 << 30))
    first = len(done) // 4
    clock = (done[-1] - done[first]) / (len(done) - 1 - first)
    return {
        "seconds_a_cell": round(clock, 4),
        "processor_seconds_a_cell": round(used / len(done), 4),
    }


def _processor_seconds() -> float:
    """Of this process and of those that it has ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _growth(folder: Path, cells: int) -> dict[str, object]:
    plan, path = folder / "cheap.toml", folder / "cheap.sqlite"
    plan.write_text(_CHEAP.format(repeats=max(1, cells // _A_REPEAT)))
    start = time.perf_counter()
    begin(path, load_plan(plan))
    laid_out = time.perf_counter() - start
    with Store.open(path, write=True) as store:
        go_on(store, plan_of(store), None, 1, lambda done: None)
    with Store.open(path) as store:
        done = sorted(store.finished(1 << 30))
        start = time.perf_counter()
        rows = len(store.rows())
        read = time.perf_counter() - start
    tenth = max(2, len(done) // 10)
    first, last = done[:tenth], done[-tenth:]
    return {
        "cells": rows,
        "plan_seconds": round(laid_out, 2),
        "milliseconds_a_cell": round(1e3 * (done[-1] - done[0]) / (len(done) - 1), 2),
        "milliseconds_a_cell_first_tenth": round(1e3 * (first[-1] - first[0]) / (tenth - 1), 2),
        "milliseconds_a_cell_last_tenth": round(1e3 * (last[-1] - last[0]) / (tenth - 1), 2),
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "rows_seconds": round(read, 2),
    }


if __name__ == "__main__":
    sys.exit(main())
