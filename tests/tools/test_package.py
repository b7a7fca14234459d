# SPDX-License-Identifier: GPL-3.0-or-later
"""The distribution: every subpackage is in the wheel, no room imports an upper one."""

import ast
import graphlib
import re
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
PLAIN = ("waveform", "channel", "images", "recordings", "stats", "queues")  # folders of blocks


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
def source(tmp_path_factory) -> Path:
    """A copy: a build folder left here by an earlier build would fill the gaps."""
    folder = tmp_path_factory.mktemp("copy") / "source"
    skip = shutil.ignore_patterns(".*", "build", "demo", "tests", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT, folder, ignore=skip)
    return folder


def pip(*words: object) -> None:
    command = [sys.executable, "-m", "pip", *map(str, words)]
    subprocess.run([*command, "--quiet", "--no-deps", "--no-build-isolation"], check=True)


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--wheel-dir", folder, source)
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


def test_every_other_file_that_the_program_reads_is_in_the_wheel(wheel):
    """Models, presets, tables, blocks and examples of GNU Radio Companion; `tools` has none."""
    rooms = [ROOT / room for room in ROOMS if room != "tools"]
    files = [path for room in rooms for path in room.rglob("*.*") if path.is_file()]
    data = {path.relative_to(ROOT) for path in files if "__pycache__" not in path.parts}
    kinds = {path.suffix for path in data}
    assert kinds >= {".py", ".json", ".onnx", ".md", ".toml", ".csv", ".yml", ".grc"}
    assert {f"percast/{path}" for path in data} <= set(wheel.namelist())


def test_an_editable_install_finds_every_module_where_it_is_edited(source, tmp_path):
    pip("install", "--target", tmp_path, "--editable", source)
    (finder,) = tmp_path.glob("__editable___percast_*_finder.py")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r});"
        f"from {finder.stem} import _EditableFinder;"
        "print(*(_EditableFinder.find_spec(name).origin for name in sys.argv[1:]), sep='\\n')"
    )
    files = {module_name(path): path for room in ROOMS for path in source_files(room)}
    command = [sys.executable, "-S", "-c", script, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [Path(line).relative_to(source) for line in done.stdout.splitlines()]
    assert found == [path.relative_to(ROOT) for path in files.values()]


@pytest.mark.parametrize("tool", ["view", "study"])
def test_the_live_page_is_in_the_wheel(wheel, tool):
    names = set(wheel.namelist())
    files = list((ROOT / "tools" / tool / "page").iterdir())
    assert {"index.html", "main.js", "style.css"} <= {path.name for path in files}
    for path in files:
        assert f"percast/tools/{tool}/page/{path.name}" in names


def test_the_tables_and_plans_of_campaigns_are_in_the_wheel(wheel):
    folder = ROOT / "tools" / "campaign"
    files = [folder / "schema.sql", *(folder / "plans").glob("*.toml")]
    assert len(files) >= 5
    assert {f"percast/{path.relative_to(ROOT)}" for path in files} <= set(wheel.namelist())


def test_every_folder_with_modules_is_a_listed_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(project["tool"]["setuptools"]["packages"])
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


WINGS = ("pictures", "runtimes", "codecs", "metrics", "evaluation", "training", "export")
"""Of the engines; each may import the ground floor and those before it."""


@pytest.mark.parametrize("wing", WINGS)
def test_no_wing_of_the_engines_imports_a_later_one(wing):
    later = tuple(f"percast.engines.{name}" for name in WINGS[WINGS.index(wing) + 1 :])
    for path in source_files(f"engines/{wing}"):
        for name in imports(path):
            assert not name.startswith(later), f"{path}: {name}"


def test_the_ground_floor_of_the_engines_imports_no_wing():
    wings = tuple(f"percast.engines.{name}" for name in WINGS)
    for path in (ROOT / "engines").glob("*.py"):
        for name in imports(path):
            assert not name.startswith(wings), f"{path}: {name}"


def test_only_the_command_line_and_other_verbs_import_a_verb():
    """What others need too is no part of a verb, and lies outside."""
    verbs = ROOT / "tools" / "verbs"
    for path in source_files("tools"):
        if verbs not in path.parents and path != ROOT / "tools" / "cli.py":
            for name in imports(path):
                assert not name.startswith("percast.tools.verbs"), f"{path}: {name}"


def test_a_study_and_the_live_page_know_nothing_of_each_other():
    """What serves both is `percast.tools.web`."""
    for room, other in (("study", "view"), ("view", "study"), ("web", "view"), ("web", "study")):
        for path in source_files(f"tools/{room}"):
            for name in imports(path):
                assert not name.startswith(f"percast.tools.{other}"), f"{path}: {name}"


SHARED = ("guard", "pdu", "worker_block", "ending_source")


def test_a_block_loads_no_other_block_but_what_all_share():
    """A source of samples needs no modulator, nor what that compiles."""
    for path in (ROOT / "blocks").glob("*.py"):
        for name in imports(path):
            room, _, block = name.rpartition(".")
            if room == "percast.blocks" and (ROOT / "blocks" / f"{block}.py").exists():
                assert block in SHARED, f"{path}: {name}"


def test_no_modules_import_each_other_in_a_circle():
    """Not within functions either: a circle that works is still one."""
    modules = {module_name(path): path for room in ROOMS for path in source_files(room)}
    graph = {name: set(imported_modules(path, modules)) - {name} for name, path in modules.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[:2] == ("tools", "_root"):
        parts = parts[2:]
    return ".".join(("percast", *parts)).removesuffix(".__init__")


def imported_modules(path: Path, modules):
    """Modules of ours that a file imports, the names in `from package import module` too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name in modules)
        elif isinstance(node, ast.ImportFrom):
            inner = [f"{node.module}.{a.name}" for a in node.names]
            known = [name for name in inner if name in modules]
            yield from known
            if len(known) < len(inner) and node.module in modules:
                yield node.module


def members(folder: Path) -> set[str]:
    """Modules and packages that lie in a package; not private ones, nor what runs it."""
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return {name for name in modules | packages if not name.startswith("_")}


PACKAGES = [p.parent for room in ROOMS for p in source_files(room) if p.name == "__init__.py"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_names_all_that_lies_in_it_and_nothing_else(package):
    """In its docstring: as `name`, or in a column of its own at the beginning of a line."""
    told = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    names = re.findall(r"(?:^|`)(\w+)(?:/?`|/ |  )", told, re.MULTILINE)
    assert sorted(members(package) - set(names)) == []
    listed = [
        n for item in re.findall(r"^- (.*?):", told, re.M | re.S) for n in item.split("`")[1::2]
    ]
    listed += re.findall(r"^(\w+)/?  ", told, re.MULTILINE)
    paths = [package / name for name in listed]
    assert [p.name for p in paths if not (p.exists() or p.with_suffix(".py").exists())] == []


def test_no_folder_must_be_scrolled_and_no_file_either():
    files = [path for room in (*ROOMS, "tests") for path in source_files(room)]
    for folder in {path.parent for path in files}:
        assert len([p for p in folder.glob("*.py") if p.name != "__init__.py"]) <= 16, folder
    for path in files:
        assert len(path.read_text().splitlines()) <= 400, path


def test_engines_and_plain_numpy_rooms_do_without_gnu_radio():
    plain = source_files("engines") + [p for sub in PLAIN for p in source_files(f"blocks/{sub}")]
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
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_room_reads_picture_files():
    """A second reader would show other pixels for EXIF, profiles, 16 bits or transparency."""
    for path in (p for room in ROOMS for p in source_files(room)):
        if path.parent != ROOT / "engines" / "pictures":
            assert "Image.open(" not in path.read_text(), path
