# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio source: samples as they come, and an end that a receiver can see."""

import time

import numpy as np
import pmt
from gnuradio import gr

from percast.blocks.guard import IDLE_WAIT, Guarded, guarded
from percast.blocks.pdu import END, GAP

NOTHING = np.zeros(0, np.complex64)
"""What `EndingSource.more` returns while there is nothing yet."""


class EndingSource(Guarded, gr.sync_block):
    """Gives the samples that the method `more` of a subclass fetches; then a sample of silence that
    carries the end tag. GNU Radio's own end of a stream would take message blocks with it that
    still have work.

    `more` returns complex64 [n], `NOTHING` while there is nothing yet, or None at the end. `work()`
    calls it, so it may wait for some 50 ms at most; it may call `mark_gap`.
    """

    def __init__(self, name: str):
        gr.sync_block.__init__(self, name, None, [np.complex64])
        self._left = NOTHING
        self._ended = False
        self._gap: pmt.pmt_base | None = None  # before the samples that are left
        self.set_min_output_buffer(1 << 15)

    def mark_gap(self, heard: float | None = None) -> None:
        """Tag the next sample that `more` fetches: samples are missing before it.

        Args:
            heard: when it was, seconds since 1970.
        """
        self._gap = pmt.PMT_NIL if heard is None else pmt.from_double(heard)

    @guarded(returns=-1)
    def work(self, input_items, output_items) -> int:
        if not len(self._left):
            self._fetch()
        out = output_items[0]
        count = min(len(out), len(self._left))
        if count and self._gap is not None:
            self.add_item_tag(0, self.nitems_written(0), GAP, self._gap)
            self._gap = None
        out[:count] = self._left[:count]
        self._left = self._left[count:]
        if self._ended and count and not len(self._left):
            self.add_item_tag(0, self.nitems_written(0) + count - 1, END, pmt.PMT_T)
        return count

    def _fetch(self) -> None:
        if self._ended:
            time.sleep(IDLE_WAIT)
            return
        samples = self.more()
        self._ended = samples is None
        self._left = np.zeros(1, np.complex64) if self._ended else samples
