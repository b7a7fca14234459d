# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the set-up cannot install GNU Radio, one line says what to do."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

SCRIPT = (Path(__file__).parents[2] / "tools/setup.sh").read_text()
NOBODY = 65534


@pytest.fixture
def without_gnu_radio():
    """An environment in which `import gnuradio` fails, for every user."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        Path(folder, "gnuradio.py").write_text("raise ImportError('absent')\n")
        yield {"PYTHONPATH": folder, "PATH": os.environ["PATH"]}


def set_up(tmp_path, env: dict, **options) -> subprocess.CompletedProcess:
    # The script comes on stdin: another user may not read the checkout.
    return subprocess.run(
        [shutil.which("bash"), "-s", str(tmp_path / "venv")],
        input=SCRIPT, text=True, capture_output=True, env=env, cwd="/", timeout=60, **options,
    )  # fmt: skip


def test_without_root_it_says_what_to_run_as_root(tmp_path, without_gnu_radio):
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get on this system")
    other = {"user": NOBODY} if os.getuid() == 0 else {}
    done = set_up(tmp_path, without_gnu_radio, **other)
    assert done.returncode == 1 and not (tmp_path / "venv").exists()
    (line,) = done.stderr.splitlines()
    assert "as root" in line and "gnuradio" in line


def test_on_another_system_it_says_what_to_install(tmp_path, without_gnu_radio):
    tools = tmp_path / "tools"
    tools.mkdir()
    done = set_up(tmp_path, without_gnu_radio | {"PATH": str(tools)})
    assert done.returncode == 1 and not (tmp_path / "venv").exists()
    (line,) = done.stderr.splitlines()
    assert "install GNU Radio" in line
