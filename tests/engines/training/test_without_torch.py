# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever has no torch can still pack pictures, and is told how to get it."""

import os
import subprocess
import sys

HIDE = (
    "import sys; sys.modules['torch'] = None; import runpy;"
    "runpy.run_module('percast.tools.cli', run_name='__main__')"
)


def percast(command, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", HIDE, "train", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    return done.returncode, done.stderr.strip().splitlines()


def test_training_says_how_to_get_torch(command, images):
    code, lines = percast(command, "--data", images)
    assert code == 2 and len(lines) == 1
    assert "pip install 'percast[train]'" in lines[0] and "CUDA" in lines[0]


def test_pictures_are_packed(command, images, tmp_path):
    code, lines = percast(command, "pack", images, tmp_path / "data.pack")
    assert code == 0 and "10 pictures" in lines[-1]
