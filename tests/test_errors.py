# SPDX-License-Identifier: GPL-3.0-or-later
"""What others throw becomes a line of ours."""

import re
from pathlib import Path

from percast.errors import one_line

ROOT = Path(__file__).parents[1]


def test_an_error_of_many_lines_is_told_in_one_that_has_an_end():
    error = RuntimeError("Check failed at\n  node.cpp:1\n\n\twrong   shape " + "x" * 500)
    assert one_line(error).startswith("Check failed at node.cpp:1 wrong shape xxx")
    assert len(one_line(error)) == 200 and len(one_line(error, 30)) == 30
    assert one_line("as it\nis", None) == "as it is"


def test_no_room_cuts_lines_in_a_way_of_its_own():
    for room in ("engines", "blocks", "flowgraphs", "tools"):
        for path in (ROOT / room).rglob("*.py"):
            if path != ROOT / "tools" / "_root" / "errors.py":
                assert not re.search(r"join\(str\(\w+\)\.split\(\)\)", path.read_text()), path
