# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio blocks: samples from a radio that runs in a graph of its own to a receiver."""

import time
from itertools import pairwise

import numpy as np
from gnuradio import gr

from percast.blocks.ending_source import NOTHING, EndingSource
from percast.blocks.guard import Guarded, guarded
from percast.blocks.pdu import RX_TIME
from percast.blocks.queues.sample_queue import SampleQueue
from percast.blocks.stats.level_meter import LevelMeter

_AT_ONCE = 4096  # samples; calls of work() cost more than they do
_TAKE_WAIT = 0.02  # seconds
# How full a queue may be that takes samples again after it was too full: with a receiver that is
# too slow, one long gap leaves more packets whole than a short one in each.
_TAKES_AGAIN = 0.75


class SampleTap(Guarded, gr.sync_block):
    """The radio's end: never waits. What the queue has no room for is dropped and counted; the
    queue is told of that gap, of those that a USRP's time tags tell, and that the first samples of
    all follow on nothing: a radio that was lost may have come back with them.

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
        self._dropping = False  # now
        self._follows = False  # whether the next samples follow on those in the queue
        self.set_output_multiple(_AT_ONCE)

    @guarded(returns=-1)
    def work(self, input_items, output_items) -> int:
        samples = input_items[0]
        first = self.nitems_read(0)
        tags = self.get_tags_in_range(0, first, first + len(samples), RX_TIME)
        self.time_tags += len(tags)
        self.meter.push(samples)
        gaps = {tag.offset - first for tag in tags}
        for start, end in pairwise(sorted({0, *gaps, len(samples)})):
            self._follows = self._follows and start not in gaps
            self._put(samples[start:end].copy())
        return len(samples)

    def _put(self, samples: np.ndarray) -> None:
        gap = None if self._follows else time.time()
        full = self._dropping and self.queue.waiting > _TAKES_AGAIN * self.queue.capacity
        self._follows = kept = not full and self.queue.put(samples, gap=gap)
        if not kept:
            self.dropped += len(samples)
            self.overruns += not self._dropping
        self._dropping = not kept


class SampleInlet(EndingSource):
    """The receiver's end, until the queue has ended; see `EndingSource`.

    Args:
        queue: from the radio.
    """

    def __init__(self, queue: SampleQueue):
        super().__init__("percast sample inlet")
        self.queue = queue

    def more(self) -> np.ndarray | None:
        if (item := self.queue.take_with_gap(_TAKE_WAIT)) is not None:
            samples, gap = item
            if gap is not None:
                self.mark_gap(gap)
            return samples
        return None if self.queue.ended and not self.queue.waiting else NOTHING
