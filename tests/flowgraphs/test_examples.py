# SPDX-License-Identifier: GPL-3.0-or-later
"""The example graphs of GNU Radio Companion, compiled by grcc and run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from gnuradio import gr

from percast.tools.grc import DESCRIPTIONS, EXAMPLES
from tests.conftest import load

FILES = sorted(EXAMPLES.glob("*.grc"))
NAMES = [path.stem for path in FILES]


def missing_blocks(path: Path) -> list[str]:
    """Kinds of blocks in a graph that nothing here describes."""
    folders = gr.prefs().get_string("grc", "global_blocks_path", "").split(os.pathsep)
    known = {f.name for d in (DESCRIPTIONS, *folders) for f in Path(d).rglob("*.block.yml")}
    kinds = {block["id"] for block in yaml.safe_load(path.read_text())["blocks"]}
    return sorted(kind for kind in kinds if f"{kind}.block.yml" not in known)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> tuple[Path, str]:
    """The folder of the programs that grcc wrote, and what it said."""
    folder = tmp_path_factory.mktemp("compiled")
    if (grcc := shutil.which("grcc")) is None:
        pytest.skip("no grcc: apt install gnuradio")
    whole = [path for path in FILES if not missing_blocks(path)]
    # A home of its own: no blocks, settings or cache of the developer's.
    env = os.environ | {"HOME": str(folder), "GRC_BLOCKS_PATH": str(DESCRIPTIONS)}
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "GRC_HIER_PATH"):
        env.pop(name, None)
    done = subprocess.run(
        [sys.executable, grcc, "-o", folder, *whole],
        env=env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Error" not in done.stdout + done.stderr, done.stdout + done.stderr
    return folder, done.stdout


def run(program: Path, *argv: object) -> str:
    """What a compiled graph says on stderr; it must end by itself."""
    done = subprocess.run(
        [sys.executable, program, *map(str, argv)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def received(folder: Path) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "frames.jsonl").read_text().splitlines()]
    assert [line["file"] for line in lines] == sorted(path.name for path in folder.glob("*.png"))
    return lines


def error_of(sent: Path, got: Path) -> float:
    """PSNR in dB."""
    difference = load(sent).astype(float) - load(got)
    return float(10 * np.log10(255**2 / np.mean(difference**2)))


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_example_compiles(compiled, path):
    if missing := missing_blocks(path):
        pytest.skip(f"not installed: {', '.join(missing)}")
    program = compiled[0] / f"{path.stem}.py"
    compile(program.read_text(), program, "exec")
    run(program, "--help")


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_examples_need_no_screen_and_say_what_to_change(path):
    text = path.read_text()
    assert text.startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n")
    graph = yaml.safe_load(text)
    assert graph["options"]["parameters"]["generate_options"] == "no_gui"
    assert graph["options"]["parameters"]["id"] == path.stem
    for block in graph["blocks"]:
        assert block["parameters"]["comment"], block["name"]


def test_there_is_an_example_for_each_way_to_begin():
    assert set(NAMES) == {"loopback", "usrp_tx", "usrp_rx", "hackrf_rx", "file_replay"}


def test_photographs_pass_the_loopback_example(compiled, photos, tmp_path):
    run(compiled[0] / "loopback.py", "--source", photos, "--out", tmp_path, "--snr", 15)
    lines = received(tmp_path)
    sent = sorted(photos.glob("*.png"))
    assert [line["id"] for line in lines] == list(range(len(sent)))
    assert np.mean([line["snr_db"] for line in lines]) == pytest.approx(15, abs=0.5)
    for original, line in zip(sent, lines, strict=True):
        assert error_of(original, tmp_path / line["file"]) > 18


def test_the_replay_example_decodes_a_recording(compiled, percast, small_photos, tmp_path):
    recording = tmp_path / "air.cf32"
    sender = percast("tx", "--device", "file", "--args", recording, "--source", small_photos)
    assert sender.code == 0, sender.err
    run(compiled[0] / "file_replay.py", "--recording", recording, "--out", tmp_path / "out")
    assert len(received(tmp_path / "out")) == len(list(small_photos.glob("*.png")))


@pytest.mark.parametrize("name", ["usrp_tx", "usrp_rx", "hackrf_rx"])
def test_the_radio_examples_get_as_far_as_the_missing_radio(compiled, name, small_photos, tmp_path):
    """Everything but the radio is made before, so a wrong parameter of ours would show."""
    program = compiled[0] / f"{name}.py"
    if not program.is_file():
        pytest.skip("not installed: " + ", ".join(missing_blocks(EXAMPLES / f"{name}.grc")))
    where = ["--source", small_photos] if name == "usrp_tx" else ["--out", tmp_path]
    done = subprocess.run(
        [sys.executable, program, *map(str, where)],
        env=os.environ | {"UHD_IMAGES_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if done.returncode == 0:
        pytest.skip("a radio is attached")
    assert "No devices found" in done.stderr or "no match" in done.stderr, done.stderr
