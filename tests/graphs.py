# SPDX-License-Identifier: GPL-3.0-or-later
"""Running graphs of GNU Radio."""

import contextlib
from collections.abc import Iterator

from gnuradio import gr


@contextlib.contextmanager
def running(graph: gr.top_block, *pieces: int) -> Iterator[None]:
    """A graph that has stopped afterwards, however its test ends: threads of one that still runs
    when the interpreter ends would take the whole process with them.

    Args:
        pieces: samples at once at most.
    """
    graph.start(*pieces)
    try:
        yield
    finally:
        graph.stop()
        graph.wait()
