# SPDX-License-Identifier: GPL-3.0-or-later
"""A page, as the text of one file."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from percast.errors import FileError
from percast.tools.pages.blocks import Block
from percast.tools.pages.templates import render_template, text_of
from percast.whole_file import written_whole


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading, to which the contents lead.

    Args:
        name: for the address, as in `report.html#cliff`.
        title: its heading.
        blocks: what it holds.
    """

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A report.

    Args:
        title: heading, and of the browser's window.
        lead: one or two sentences below it.
        sections: in order.
        about: name -> value, small, above all: version, command, date.
        banner: said in a frame at the top of the page and of every printed sheet, as for
            simulated results.
    """

    title: str
    lead: str
    sections: Sequence[Section]
    about: Mapping[str, object] = field(default_factory=dict)
    banner: str = ""


def render(page: Page) -> str:
    """The page's text.

    Style and script lie within it, and its content security policy allows those very two by hash,
    pictures that lie within it too, and nothing else: it cannot fetch anything from anywhere.
    """
    style = Markup(text_of("chart.css") + text_of("style.css"))
    script = Markup(text_of("page.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    return render_template("page.html", page=page, style=style, script=script, policy=policy)


def write_page(path: Path, page: Page) -> None:
    """Writes the page as one file, whole or not at all.

    Raises:
        FileError: it cannot be written.
    """
    text = render(page)
    try:
        with written_whole(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
