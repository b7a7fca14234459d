# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio blocks: samples from a radio that runs in a graph of its own to a receiver."""

import numpy as np
import pmt
from gnuradio import gr

from percast.blocks.ending_source import NOTHING, EndingSource
from percast.blocks.guard import Guarded, guarded
from percast.blocks.queues.sample_queue import SampleQueue
from percast.blocks.stats.level_meter import LevelMeter

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


class SampleInlet(EndingSource):
    """The receiver's end, until the queue has ended; see `EndingSource`.

    Args:
        queue: from the radio.
    """

    def __init__(self, queue: SampleQueue):
        super().__init__("percast sample inlet")
        self.queue = queue

    def more(self) -> np.ndarray | None:
        samples = self.queue.take(_TAKE_WAIT)
        if samples is not None:
            return samples
        return None if self.queue.ended and not self.queue.waiting else NOTHING
