# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: a recording as a stream of samples."""

import time

import numpy as np
import pmt
from gnuradio import gr

from percast.blocks.guard import Guarded, guarded
from percast.blocks.ofdm_modulator import IDLE_WAIT
from percast.blocks.pdu import END
from percast.blocks.recordings import Recording

_CHUNK = 1 << 18  # samples read at once


class RecordingSource(Guarded, gr.sync_block):
    """Plays a recording as fast as it is taken, then some silence, whose last sample carries the
    end tag.

    Args:
        recording: open.
        tail: samples of silence after it, for a receiver to finish.
    """

    def __init__(self, recording: Recording, tail: int = 16384):
        gr.sync_block.__init__(self, "percast recording source", None, [np.complex64])
        self.recording = recording
        self.position = 0
        self._tail = tail
        self._ready = np.zeros(0, np.complex64)
        self._ended = False
        self.set_min_output_buffer(1 << 15)

    @guarded(returns=-1)
    def work(self, input_items, output_items) -> int:
        if not len(self._ready):
            self._fetch()
        if not len(self._ready):
            time.sleep(IDLE_WAIT)
            return 0
        out = output_items[0]
        count = min(len(out), len(self._ready))
        out[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        if self._ended and not len(self._ready):
            self.add_item_tag(0, self.nitems_written(0) + count - 1, END, pmt.PMT_T)
        return count

    def _fetch(self) -> None:
        if self._ended:
            return
        self._ready = self.recording.read(self.position, _CHUNK)
        self.position += len(self._ready)
        if not len(self._ready):
            self._ready = np.zeros(self._tail, np.complex64)
            self._ended = True
