# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio blocks: samples from a radio that runs in a graph of its own to a receiver."""

import numpy as np
import pmt
from gnuradio import gr

from percast.blocks.guard import Guarded, guarded
from percast.blocks.level_meter import LevelMeter
from percast.blocks.pdu import END
from percast.blocks.sample_queue import SampleQueue

_AT_ONCE = 4096  # samples; calls of work() cost more than they do
_TAKE_WAIT = 0.02  # seconds
_RX_TIME = pmt.intern("rx_time")


class SampleTap(Guarded, gr.sync_block):
    """The radio's end: never waits. What the queue has no room for is dropped and counted.

    Args:
        queue: to the receiver.
        meter: sees every sample.
    """

    def __init__(self, queue: SampleQueue, meter: LevelMeter):
        gr.sync_block.__init__(self, "percast sample tap", [np.complex64], None)
        self.queue, self.meter = queue, meter
        self.dropped = 0  # samples
        self.overruns = 0  # times that samples were dropped, however many
        self.time_tags = 0  # a USRP sends one at the start, after tuning and after each overrun
        self.dropping = False  # now
        self.set_output_multiple(_AT_ONCE)

    @guarded(returns=-1)
    def work(self, input_items, output_items) -> int:
        samples = input_items[0]
        first = self.nitems_read(0)
        self.time_tags += len(self.get_tags_in_range(0, first, first + len(samples), _RX_TIME))
        self.meter.push(samples)
        kept = self.queue.put(samples.copy())
        if not kept:
            self.dropped += len(samples)
            self.overruns += not self.dropping
        self.dropping = not kept
        return len(samples)


class SampleInlet(Guarded, gr.sync_block):
    """The receiver's end. When the queue has ended: some silence, whose last sample carries the
    end tag.

    Args:
        queue: from the radio.
        tail: samples of silence at the end, for the receiver to finish.
    """

    def __init__(self, queue: SampleQueue, tail: int = 16384):
        gr.sync_block.__init__(self, "percast sample inlet", None, [np.complex64])
        self.queue = queue
        self._tail = tail
        self._left = np.zeros(0, np.complex64)
        self._last = False
        self.set_min_output_buffer(1 << 15)

    @guarded(returns=-1)
    def work(self, input_items, output_items) -> int:
        if not len(self._left):
            self._fetch()
        out = output_items[0]
        count = min(len(out), len(self._left))
        out[:count] = self._left[:count]
        self._left = self._left[count:]
        if self._last and count and not len(self._left):
            self.add_item_tag(0, self.nitems_written(0) + count - 1, END, pmt.PMT_T)
        return count

    def _fetch(self) -> None:
        samples = self.queue.take(_TAKE_WAIT)
        if samples is not None:
            self._left = samples
        elif self.queue.ended and not self.queue.waiting and not self._last:
            self._left, self._last = np.zeros(self._tail, np.complex64), True
