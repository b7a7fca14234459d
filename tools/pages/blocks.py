# SPDX-License-Identifier: GPL-3.0-or-later
"""What sections are made of, apart from figures and pictures."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from markupsafe import Markup

from percast.tools.pages.embed import csv_text, text_url
from percast.tools.pages.templates import render_template


class Block(Protocol):
    """Anything that a section may hold."""

    def html(self) -> Markup:
        """As part of a page."""
        ...


@dataclass(frozen=True)
class Prose:
    """Paragraphs.

    Args:
        paragraphs: plain text, or `Markup` where it has links or emphasis.
        kind: "" for text, "note" for a smaller remark, "warning" for what must not be overlooked.
    """

    paragraphs: Sequence[str] | str
    kind: str = ""

    def html(self) -> Markup:
        parts = [self.paragraphs] if isinstance(self.paragraphs, str) else self.paragraphs
        return render_template("prose.html", paragraphs=parts, kind=self.kind)


@dataclass(frozen=True)
class Facts:
    """Names and values.

    Args:
        facts: name -> value.
        large: as tiles with large numbers, for the few that matter; each value is then a number
            and what it is of, as ("62%", "interval 58% to 66%").
    """

    facts: Mapping[str, object]
    large: bool = False

    def html(self) -> Markup:
        return render_template("facts.html", facts=self.facts, large=self.large)


@dataclass(frozen=True)
class Table:
    """A table that can be taken away as CSV.

    Args:
        caption: what it shows.
        heads: of the columns.
        rows: as shown: text, or numbers already written out. The first column heads its row.
        name: of the CSV file, without suffix; "" offers none.
        csv_heads, csv_rows: what the file holds where that is more than what is shown, as numbers
            in full.
        source: small print below: cells, command, version.
        left: heads of columns that are text, beside the first.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[object]]
    name: str = ""
    csv_heads: Sequence[str] = ()
    csv_rows: Sequence[Sequence[object]] = ()
    source: str = ""
    left: Collection[str] = ()

    def csv(self) -> str:
        """The file's text."""
        if self.csv_heads:
            return csv_text(self.csv_heads, self.csv_rows)
        return csv_text(self.heads, self.rows)

    def html(self) -> Markup:
        url = text_url(self.csv(), "text/csv") if self.name else ""
        return render_template("table.html", table=self, url=url)


@dataclass(frozen=True)
class Folded:
    """Blocks that are shown when asked for (and in print).

    Args:
        summary: the line that is always seen.
        blocks: what it hides.
    """

    summary: str
    blocks: Sequence[Block] = field(default_factory=tuple)
    open: bool = False

    def html(self) -> Markup:
        return render_template("folded.html", folded=self)
