# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user can get wrong ends in one line and the documented exit code."""

import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from percast.engines.manifest import load_model


def complain(percast, code, *argv):
    run = percast("loopback", *argv)
    assert run.code == code, run.err
    assert run.complaint.startswith("percast: ") or "error: " in run.complaint
    return run.complaint


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--cbr", "1/7"], "1/48"),
        (["--cbr", "many"], "1/48"),
        (["--snr", "nan"], "--snr"),
        (["--size", "10x10"], "size"),
        (["--channel", "ether"], "--channel"),
        (["--clock-ppm", "1000"], "--clock-ppm"),
        (["--frames", "-1"], "--frames"),
        (["--fps", "0"], "--fps"),
        (["--realism", "2"], "--realism"),
        (["--metrics", "beauty"], "psnr"),
        (["--profile", "fast"], "standard-4m"),
        (["--samp-rate", "1"], "--samp-rate"),
        (["--freq-offset", "3M"], "freq"),
        (["--callsign", "MUCHTOOLONGACALL"], "--callsign"),
        (["--colour", "red"], "--colour"),
    ],
)
def test_a_wrong_flag_is_exit_2(percast, photos, flags, words):
    assert words in complain(percast, 2, "--source", photos, *flags)


# A signal in the midst of an import, which fails of it as numpy's does.
INTERRUPTED_IMPORT = """
import importlib, signal, sys
from percast.tools import cli
load = importlib.import_module
def interrupted_load(name):
    try:
        signal.raise_signal(int(sys.argv[1]))
    except KeyboardInterrupt:
        raise ImportError("numpy's C-extensions failed")
    return load(name)
importlib.import_module = interrupted_load
sys.exit(cli.main(["devices"]))
"""


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_modules_are_loaded_is_exit_130(kind):
    argv = [sys.executable, "-c", INTERRUPTED_IMPORT, str(int(kind))]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_missing_source_is_exit_6(percast, tmp_path):
    assert "nowhere" in complain(percast, 6, "--source", tmp_path / "nowhere")


def test_an_empty_source_is_exit_6(percast, tmp_path):
    assert str(tmp_path) in complain(percast, 6, "--source", tmp_path)


@pytest.fixture
def bad_pictures(tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "text.png").write_text("I am no picture.\n")
    Image.new("RGB", (1, 1)).save(folder / "tiny.png")
    Image.new("L", (10000, 10000)).save(folder / "huge.png")
    return folder


def test_only_bad_pictures_is_exit_6(percast, bad_pictures):
    complain(percast, 6, "--source", bad_pictures)


def test_bad_pictures_among_good_ones_are_skipped_and_counted(percast, bad_pictures, photos):
    shutil.copy(photos / "0.png", bad_pictures / "good.png")
    run = percast("loopback", "--source", bad_pictures, "--json", "--frames", 3)
    assert run.code == 0
    assert run.json["received"] == 3 and run.json["skipped"] == 3
    warnings = [x for x in run.err.splitlines() if "skipped" in x]
    assert len(warnings) == 3
    assert any("--size" in x for x in warnings)


def test_an_unknown_model_is_exit_4(percast, photos):
    assert "base" in complain(percast, 4, "--source", photos, "--model", "grand")


@pytest.fixture
def model_copy(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(load_model("base").encoder.path.parent, folder)
    return folder


def test_a_damaged_manifest_is_exit_4(percast, photos, model_copy):
    manifest = model_copy / "manifest.json"
    manifest.write_text(manifest.read_text()[:100])
    complain(percast, 4, "--source", photos, "--model", model_copy)


def test_a_network_that_does_not_match_its_hash_is_exit_4(percast, photos, model_copy):
    with open(model_copy / "generator.onnx", "ab") as file:
        file.write(b"\0")
    complain(percast, 4, "--source", photos, "--model", model_copy)


def test_a_broken_onnx_with_a_right_hash_is_exit_4(percast, photos, model_copy):
    import hashlib

    broken = np.random.default_rng(0).bytes(5000)
    (model_copy / "generator.onnx").write_bytes(broken)
    manifest = json.loads((model_copy / "manifest.json").read_text())
    manifest["networks"]["generator"]["sha256"] = hashlib.sha256(broken).hexdigest()
    (model_copy / "manifest.json").write_text(json.dumps(manifest))
    complain(percast, 4, "--source", photos, "--model", model_copy)


def test_an_unwritable_out_is_exit_6(percast, photos, tmp_path):
    (tmp_path / "file").write_text("")
    complain(percast, 6, "--source", photos, "--out", tmp_path / "file")


def test_a_missing_camera_is_exit_3(percast):
    complain(percast, 3, "--source", "camera:63")


def test_a_format_without_a_recording_is_refused(percast, tmp_path):
    received = ("rx", "--device", "file", "--args", tmp_path / "x.cf32", "--record-format", "ci8")
    for more in ((), ("--record", tmp_path / "y.cf32")):
        run = percast(*received, *more)
        assert run.code == 2 and "--record-format" in run.complaint
    assert not (tmp_path / "y.cf32").exists()
