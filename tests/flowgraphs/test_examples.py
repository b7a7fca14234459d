# SPDX-License-Identifier: GPL-3.0-or-later
"""The example graphs of GNU Radio Companion, compiled by grcc and run."""

import contextlib
import importlib
import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pmt
import pytest
import yaml
from gnuradio import gr

from percast.blocks.pdu import PACKET_LEN
from percast.blocks.waveform.profile import open_profile
from percast.tools.verbs.grc import DESCRIPTIONS, EXAMPLES
from tests.conftest import load

pytestmark = pytest.mark.timeout(400)  # grcc takes a minute and more on a busy machine

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
        env=env, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Error" not in done.stdout + done.stderr, done.stdout + done.stderr
    return folder, done.stdout


def run(program: Path, *argv: object) -> str:
    """What a compiled graph says on stderr; it must end by itself."""
    done = subprocess.run(
        [sys.executable, program, *map(str, argv)], capture_output=True, text=True, timeout=200
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


class Radio(gr.sync_block):
    """In place of a radio: takes any setting, keeps what it shall send, and receives `air`."""

    def __init__(self, air: np.ndarray | None = None):
        takes, gives = ([np.complex64], None) if air is None else (None, [np.complex64])
        gr.sync_block.__init__(self, "radio", takes, gives)
        self.air, self.sent, self.bursts = air, [], []

    def __getattr__(self, name: str):
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("set_"):
                return lambda *_: None
            raise

    def work(self, input_items, output_items) -> int:
        if self.air is None:
            samples = input_items[0]
            self.sent.append(samples.copy())
            first = self.nitems_read(0)
            self.bursts += self.get_tags_in_range(0, first, first + len(samples), PACKET_LEN)
            return len(samples)
        out = output_items[0]
        count = min(len(out), len(self.air))
        out[:] = 0
        out[:count] = self.air[:count]
        self.air = self.air[count:]
        return len(out)


def wait_until(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


@contextlib.contextmanager
def running(program: Path, radio: Radio, module: str, name: str, **parameters: str):
    """A compiled graph, running on that radio in place of `module.name`."""
    if not program.is_file():
        pytest.skip("not installed: " + ", ".join(missing_blocks(EXAMPLES / f"{program.stem}.grc")))
    space = runpy.run_path(str(program))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module(module), name, lambda *_: radio)
        graph = space[program.stem](**parameters)
    graph.start()
    try:
        yield graph
    finally:
        graph.stop()
        graph.wait()


@pytest.fixture(scope="module")
def air(compiled, small_photos) -> np.ndarray:
    """What a USRP sends of the six photographs: the bursts, and nothing in between."""
    radio = Radio()
    program = compiled[0] / "usrp_tx.py"
    with running(program, radio, "gnuradio.uhd", "usrp_sink", source=str(small_photos)):
        wait_until(lambda: len(radio.bursts) > 6)
    samples, silence = np.concatenate(radio.sent), np.zeros(1000, np.complex64)
    parts = [silence]
    for tag in radio.bursts[:6]:
        burst = samples[tag.offset : tag.offset + pmt.to_long(tag.value)]
        parts += [burst, silence]
    return np.concatenate(parts)


@pytest.mark.parametrize(
    ("name", "module", "source"),
    [("usrp_rx", "gnuradio.uhd", "usrp_source"), ("hackrf_rx", "gnuradio.soapy", "source")],
)
def test_what_the_tx_example_sends_the_rx_examples_receive(
    compiled, air, tmp_path, name, module, source
):
    program = compiled[0] / f"{name}.py"
    with running(program, Radio(air), module, source, out=str(tmp_path)) as graph:
        wait_until(lambda: len(list(tmp_path.glob("0*.png"))) + graph.receiver.dropped == 6)
    assert len(received(tmp_path)) >= 4  # a radio does not wait


@pytest.mark.parametrize("name", ["usrp_rx", "hackrf_rx"])
def test_the_examples_tell_how_far_off_a_sender_may_be(name):
    profile = open_profile()
    kilohertz = 1e3 * profile.max_freq_offset / profile.samp_rate
    assert f"{kilohertz:.0f} kHz per Msample/s" in (EXAMPLES / f"{name}.grc").read_text()
