# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages say is true here: links lead somewhere, commands are understood, and run."""

import json
import re
import shlex
import shutil
import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from percast.blocks.waveform.formats.table import TABLES, VERSION, header_bytes
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import WaveformConfig
from percast.blocks.waveform.transmit import modulate
from percast.engines.codecs.registry import open_codec
from percast.tools.cli import build_parser
from tests.tools.test_package import PLAIN

ROOT = Path(__file__).parents[1]
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [*GUIDES, *(p for room in ("engines", "tools") for p in (ROOT / room).rglob("*.md"))]

# Not here: radios, trained models, endless runs, sockets that wait for the other end, and what
# changes the machine or takes minutes.
_NOT_HERE = re.compile(
    r"--device (hackrf|uhd|soapy|osmosdr|zmq)|models/mine|--frames 0|zmq:|video:|camera:"
    r"|--codec \w+:"
)
_RUNS = ("loopback", "tx", "replay", "doctor", "devices", "keys", "eval")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands(page: Path) -> list[list[str]]:
    """The `percast` commands of a page's sh blocks, split as a shell would."""
    found = []
    text = page.read_text("utf-8")
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.rstrip(" &"), comments=True)
            if words[:1] == ["percast"]:
                found.append(words[1:])
    return found


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_and_programs_that_a_page_names_are_there(page):
    text = page.read_text("utf-8")
    rooms = "blocks|engines|flowgraphs|tests|tools"
    files = set(re.findall(rf"\b(?:{rooms})/[a-z_/]+\.[\w.]*\w", re.sub(r"\S*//\S*", "", text)))
    assert [path for path in sorted(files) if not (ROOT / path).exists()] == []
    programs = set(re.findall(r"python -m (percast\.[\w.]+\w)", text))
    assert [module for module in sorted(programs) if find_spec(module) is None] == []


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_every_command_is_understood(page):
    for argv in commands(page):
        try:
            build_parser(argv).parse_args(argv)
        except SystemExit:
            pytest.fail(f"percast {shlex.join(argv)}")


# Of one page one after the other in one process, which starts in a second or two.
ONE_AFTER_THE_OTHER = """
import json, sys
from percast.tools.cli import main
for argv, allowed in json.loads(sys.argv[1]):
    print("percast", *argv, file=sys.stderr)
    if (code := main(argv)) not in allowed:
        sys.exit(f"exit code {code}")
"""


@pytest.mark.timeout(300)  # a busy machine
@pytest.mark.parametrize("page", [p for p in GUIDES if commands(p)], ids=name)
def test_commands_that_need_no_hardware_run(page, small_photos, tmp_path):
    for folder in ("PHOTOS", "KODAK"):
        (tmp_path / folder).mkdir()
        with Image.open(small_photos / "0.png") as image:  # MS-SSIM needs some pixels
            image.resize((176, 176)).save(tmp_path / folder / "0.png")
    here = [
        # The doctor of a machine without everything says so; nothing attached is no failure.
        (argv, (0, 3) if argv[0] in ("doctor", "devices") else (0,))
        for argv in commands(page)
        if argv[0] in _RUNS and not _NOT_HERE.search(shlex.join(argv))
        if "fetch-weights" not in argv
    ]
    done = subprocess.run(
        [sys.executable, "-c", ONE_AFTER_THE_OTHER, json.dumps(here)],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_table_ends_with_an_empty_line(page):
    """What follows without one is taken for its next row."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert not re.findall(r"^\|.*\n(?!\|)(.+)", text, re.MULTILINE)


def test_pages_tell_the_same_overhead():
    """Of a 256x256 picture at 1/48 with short headers: 48.5%, which is 49% without a decimal."""
    profile = WaveformConfig().open()
    with open_codec("learned", roles=()) as codec:
        count = codec.symbol_count(256, 256, codec.cbr)
        header = Header.of(codec.coded(256, 256), count, 1, 0, "", 0)
    packets = modulate(profile, header, np.ones(count, np.complex64))
    overhead = sum(map(len, packets)) * profile.occupied_fraction / count - 1
    assert f"{overhead:.3%}" == "48.506%"
    told = r"([\d.]+%) (?:of overhead )?for (?:a )?256x256"
    texts = [" ".join(page.read_text("utf-8").split()) for page in PAGES]
    assert {found for text in texts for found in re.findall(told, text)} == {f"{overhead:.0%}"}


def test_contributors_are_told_of_every_room_and_of_the_root():
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    folders = {path.parent.name for path in (ROOT / "blocks").glob("*/__init__.py")}
    assert folders == {*PLAIN, "grc"}
    assert [folder for folder in folders if f"`{folder}/`" not in page] == []
    root = {path.stem for path in (ROOT / "tools" / "_root").glob("*.py")} - {"__init__"}
    assert [module for module in root if f"`{module}`" not in page] == []


def test_the_waveforms_page_has_the_byte_table_of_the_header():
    page = (ROOT / "docs" / "waveform.md").read_text("utf-8")
    assert f"{header_bytes(VERSION)} bytes in network byte order" in page
    start = 0
    for field, code, _ in TABLES[VERSION]:
        size = struct.calcsize(">" + code)
        assert f"| {start} | {size} | `{field}` |" in page
        start += size
    assert f"| {start} | 4 | | CRC-32" in page


def test_the_readme_can_be_read_in_one_sitting():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 130
