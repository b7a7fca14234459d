# SPDX-License-Identifier: GPL-3.0-or-later
"""However a process is started, its exit code is the documented one and nothing is a traceback."""

import json
import os
import subprocess
import sys

import pytest

from percast.tools.cli import VERBS

CLOSED = {
    "out": ">&-", "err": "2>&-", "in": "<&-", "out and err": ">&- 2>&-", "all": "<&- >&- 2>&-",
    "full out": ">/dev/full", "full err": "2>/dev/full", "both full": ">/dev/full 2>/dev/full",
    "gone err": "2> >(exit 0)",
}  # fmt: skip
COMMANDS = {  # what it prints on stdout, and its exit code where all is well
    "version": ("--version", True, 0),
    "help": ("loopback --help", True, 0),
    "path": ("grc path", True, 0),
    "usage": ("bogus", False, 2),
    "file": ("replay /nonexistent/x.cf32", False, 6),
    "doctor": ("doctor --json", True, 0),
}


def shell(command: str, redirection: str, tmp_path, **env: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of percast under a redirection, as far as that leaves any."""
    argv = f"{sys.executable} -m percast.tools.cli {command} {redirection}"
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("w") as o, err.open("w") as e:
        done = subprocess.run(
            ["bash", "-c", argv], stdout=o, stderr=e, env=os.environ | env, timeout=110
        )
    return done.returncode, out.read_text(), err.read_text()


@pytest.mark.parametrize("streams", CLOSED)
@pytest.mark.parametrize("command", COMMANDS)
def test_closed_and_full_streams(tmp_path, command, streams):
    argv, prints, code = COMMANDS[command]
    found, out, err = shell(argv, CLOSED[streams], tmp_path)
    lost = prints and ("out" in streams or streams in ("all", "both full"))
    assert found == (6 if lost else code), err
    assert "Traceback" not in err and "Exception ignored" not in err
    if lost and streams in ("out", "full out"):
        assert err.splitlines()[-1].startswith("percast: the output could not be written: ")
    assert bool(out) == (prints and not lost)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone(tmp_path, unbuffered):
    code, _, err = shell("grc path", "> >(exit 0)", tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert code == 6
    assert err.splitlines() == ["percast: the output could not be written: Broken pipe"]


@pytest.mark.parametrize("streams", ["out", "err", "all"])
def test_a_link_with_closed_streams_keeps_its_pictures(small_photos, tmp_path, streams):
    received = tmp_path / "received"
    command = f"loopback --source {small_photos} --frames 2 --metrics none --json --out {received}"
    code, out, err = shell(command, CLOSED[streams], tmp_path)
    assert code == (0 if streams == "err" else 6) and bool(out) == (streams == "err")
    assert sorted(p.name for p in received.iterdir()) == [
        "000000.png",
        "000001.png",
        "frames.jsonl",
    ]
    assert "Traceback" not in err


def test_without_docstrings_and_asserts(small_photos, tmp_path):
    """`python -OO`. The modem's kernels would be compiled again for it."""
    env = {"PYTHONOPTIMIZE": "2", "NUMBA_DISABLE_JIT": "1"}
    code, out, err = shell(
        f"loopback --source {small_photos} --frames 2 --json", "", tmp_path, **env
    )
    assert code == 0 and '"received": 2' in out, err
    code, out, _ = shell("--help", "", tmp_path, **env)
    assert code == 0 and "130 interrupted" in out


HELP = """
import contextlib, io, json
from percast.tools.cli import VERBS, build_parser
told = {}
for verb in VERBS:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        build_parser([verb]).parse_args([verb, "--help"])
    told[verb] = out.getvalue()
print(json.dumps(told))
"""


def test_every_verb_has_its_help_without_docstrings():
    plain, optimised = (
        json.loads(subprocess.check_output([sys.executable, option, "-c", HELP], timeout=110))
        for option in ("-B", "-OO")
    )
    assert {*plain} == {*VERBS} and all("usage: " in text for text in plain.values())
    assert optimised == plain
