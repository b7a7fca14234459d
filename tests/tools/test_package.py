# SPDX-License-Identifier: GPL-3.0-or-later
"""The distribution: every subpackage is in the wheel, no room imports an upper one."""

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("engines", "blocks", "flowgraphs", "tools")  # each may import those before it
GNU_RADIO = {"gnuradio", "pmt"}


def source_files(room: str):
    return [p for p in (ROOT / room).rglob("*.py") if "__pycache__" not in p.parts]


def imports(path: Path, top_level_only: bool = False):
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import through percast."
            yield node.module


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    # From a copy: a build folder left here by an earlier build would fill the gaps.
    source = folder / "source"
    skip = shutil.ignore_patterns(".*", "build", "demo", "tests", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT, source, ignore=skip)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", folder, source],
        check=True, cwd=folder,
    )  # fmt: skip
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_every_module_is_in_the_wheel(wheel):
    names = set(wheel.namelist())
    for room in ROOMS:
        for path in source_files(room):
            inside = path.relative_to(ROOT)
            if inside.parts[:2] == ("tools", "_root"):
                expected = Path("percast", *inside.parts[2:])
            else:
                expected = Path("percast", inside)
            assert str(expected) in names


def test_the_shipped_model_is_in_the_wheel(wheel):
    names = set(wheel.namelist())
    for file in ("manifest.json", "encoder.onnx", "generator.onnx", "MODEL_CARD.md"):
        assert f"percast/engines/models/base/{file}" in names


def test_every_folder_with_modules_is_a_listed_package():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = set()
    for room in ROOMS:
        for path in source_files(room):
            parts = path.relative_to(ROOT).parent.parts
            found.add("percast" if parts == ("tools", "_root") else ".".join(("percast", *parts)))
    assert found == listed


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_an_upper_one(room):
    above = ROOMS[ROOMS.index(room) + 1 :]
    for path in source_files(room):
        for name in imports(path):
            assert not name.startswith(tuple(f"percast.{r}" for r in above)), f"{path}: {name}"
            assert name.split(".")[0] not in ROOMS, f"{path}: import {name} through percast."


def test_engines_and_plain_numpy_rooms_do_without_gnu_radio():
    plain = source_files("engines") + [
        p for sub in ("waveform", "channel", "images") for p in source_files(f"blocks/{sub}")
    ]
    for path in plain:
        assert not GNU_RADIO & {n.split(".")[0] for n in imports(path)}, path


def test_the_link_runs_without_torch():
    for path in (p for room in ("blocks", "flowgraphs", "tools") for p in source_files(room)):
        assert "torch" not in {n.split(".")[0] for n in imports(path, top_level_only=True)}, path


def test_the_command_line_loads_neither_torch_nor_engines_at_once():
    script = (
        "import sys, percast.tools.cli as c; c.build_parser(['loopback']);"
        "print([m for m in ('torch','openvino','onnxruntime','gnuradio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
