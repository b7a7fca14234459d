# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: a stream of samples into a recording."""

import numpy as np
import pmt
from gnuradio import gr

from percast.blocks.guard import Guarded, guarded
from percast.blocks.pdu import PACKET_LEN
from percast.blocks.recordings.recorder import LABEL
from percast.blocks.recordings.writer import RecordingWriter


class RecordingSink(Guarded, gr.sync_block):
    """Writes samples, and a note for every packet.

    Args:
        writer: open; closed by whoever opened it.
    """

    def __init__(self, writer: RecordingWriter):
        gr.sync_block.__init__(self, "percast recording sink", [np.complex64], None)
        self.writer = writer

    @guarded(returns=-1)
    def work(self, input_items, output_items) -> int:
        samples = input_items[0]
        first = self.nitems_read(0)
        for tag in self.get_tags_in_range(0, first, first + len(samples), PACKET_LEN):
            self.writer.annotate(tag.offset, pmt.to_long(tag.value), LABEL)
        self.writer.write(samples)
        return len(samples)
