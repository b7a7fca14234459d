# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: samples of another process.

GNU Radio's own `pull_source` ends the whole process at the first message that holds no whole number
of samples.
"""

import numpy as np
import zmq

from percast.blocks.ending_source import NOTHING, EndingSource

_WAIT_MS = 50  # that work() may wait for a message before GNU Radio can stop it
_QUEUE = 64  # messages that wait here; then the sender waits
_MAX_BYTES = 1 << 26  # of a message


class ZmqSampleSource(EndingSource):
    """Pulls messages of complex64 samples, as GNU Radio's `push_sink` sends them, until `finish`;
    see `EndingSource`.

    Args:
        address: of the sender, which binds.
        tail: samples of silence at the end, for a receiver to finish.

    Attributes:
        malformed: messages that were dropped: of several frames, or with part of a sample.

    Raises:
        zmq.ZMQError: an address that makes no sense.
    """

    def __init__(self, address: str, tail: int = 16384):
        super().__init__("percast zmq sample source", tail)
        self.malformed = 0
        self._finishing = False
        self._socket = zmq.Context.instance().socket(zmq.PULL)
        self._socket.linger = 0
        self._socket.rcvhwm = _QUEUE
        self._socket.maxmsgsize = _MAX_BYTES
        self._socket.ipv6 = "[" in address
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

    def more(self) -> np.ndarray | None:
        if self._finishing:
            return None
        if self._socket.poll(_WAIT_MS):
            return self._checked(self._socket.recv_multipart())
        return NOTHING

    def _checked(self, frames: list[bytes]) -> np.ndarray:
        if len(frames) > 1 or len(frames[0]) % NOTHING.itemsize:
            self.malformed += 1
            return NOTHING
        return np.frombuffer(frames[0], NOTHING.dtype)
