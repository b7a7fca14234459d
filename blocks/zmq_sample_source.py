# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: samples of another process.

GNU Radio's own `pull_source` ends the whole process at the first message that holds no whole number
of samples.
"""

import time

import numpy as np
import pmt
import zmq
from gnuradio import gr

from percast.blocks.guard import Guarded, guarded
from percast.blocks.ofdm_modulator import IDLE_WAIT
from percast.blocks.pdu import END

_WAIT_MS = 50  # that work() may wait for a message before GNU Radio can stop it
_QUEUE = 64  # messages that wait here; then the sender waits
_MAX_BYTES = 1 << 26  # of a message
_SAMPLE = np.dtype(np.complex64)


class ZmqSampleSource(Guarded, gr.sync_block):
    """Pulls messages of complex64 samples, as GNU Radio's `push_sink` sends them, until `finish`;
    then some silence, whose last sample carries the end tag.

    Args:
        address: of the sender, which binds.
        tail: samples of silence at the end, for a receiver to finish.

    Attributes:
        malformed: messages that were dropped: of several frames, or with part of a sample.

    Raises:
        zmq.ZMQError: an address that makes no sense.
    """

    def __init__(self, address: str, tail: int = 16384):
        gr.sync_block.__init__(self, "percast zmq sample source", None, [np.complex64])
        self.malformed = 0
        self._tail = tail
        self._left = np.zeros(0, np.complex64)
        self._finishing = self._last = False
        self._socket = zmq.Context.instance().socket(zmq.PULL)
        self._socket.linger = 0
        self._socket.rcvhwm = _QUEUE
        self._socket.maxmsgsize = _MAX_BYTES
        self._socket.ipv6 = "[" in address
        self.set_min_output_buffer(1 << 15)
        try:
            self._socket.connect(address)
        except zmq.ZMQError:
            self.close()
            raise

    def finish(self) -> None:
        """Take no more messages."""
        self._finishing = True

    def close(self) -> None:
        """Let go of the socket; when the graph has stopped."""
        self._socket.close()

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
        if not self._finishing:
            if self._socket.poll(_WAIT_MS):
                self._take(self._socket.recv_multipart())
        elif not self._last:
            self._left, self._last = np.zeros(self._tail, np.complex64), True
        else:
            time.sleep(IDLE_WAIT)

    def _take(self, frames: list[bytes]) -> None:
        if len(frames) > 1 or len(frames[0]) % _SAMPLE.itemsize:
            self.malformed += 1
        else:
            self._left = np.frombuffer(frames[0], _SAMPLE)
