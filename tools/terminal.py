# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables and progress bars on a terminal."""

import contextlib
import sys
from collections.abc import Callable, Collection, Iterator, Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

_WIDEST = 10_000  # columns: no table needs them, so that rich folds and shortens no text


def print_table(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: Collection[str] = (),
) -> None:
    """A table on stdout, as wide as its texts are, whatever the terminal's width.

    Args:
        title: stands above it.
        heads: of the columns.
        rows: as many texts each.
        left: heads of the columns that are no numbers.
    """
    table = Table()
    for head in heads:
        table.add_column(head, justify="left" if head in left else "right")
    for row in rows:
        table.add_row(*row)
    console = Console(width=_WIDEST)
    console.print(title, style="table.title", markup=False, highlight=False)
    console.print(table)


@contextlib.contextmanager
def progress_bar(text: str, total: float | None = 1.0) -> Iterator[Callable[[float], None]]:
    """A progress bar with the time left, on a terminal.

    Args:
        text: stands before it.
        total: of the work; None if it is not known.

    Yields:
        The function to call with what is done of the total.
    """
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    columns = (
        TextColumn(text),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)
