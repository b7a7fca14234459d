# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: samples of another process.

GNU Radio's own `pull_source` ends the whole process at the first message that holds no whole number
of samples.
"""

import contextlib
import logging
import time

import numpy as np
import zmq
from zmq.utils.monitor import recv_monitor_message

from percast.blocks.ending_source import NOTHING, EndingSource

log = logging.getLogger(__name__)

_WAIT_MS = 50  # that work() may wait for a message before GNU Radio can stop it
_QUEUE = 64  # messages that wait here; then the sender waits
_MAX_BYTES = 1 << 26  # of a message
_PATIENCE = 0.5  # seconds in which ZeroMQ tries again by itself, where it does at all
_SAY = 5.0  # seconds between two warnings

# ZeroMQ lets a connection go without a word, and for ever, at a message beyond the limit and at
# anything else that breaks its protocol; what it cannot reach or has lost it tries again.
_LOST = zmq.EVENT_DISCONNECTED
_RETRIES = zmq.EVENT_CONNECT_RETRIED | zmq.EVENT_CONNECT_DELAYED | zmq.EVENT_CONNECTED


class ZmqSampleSource(EndingSource):
    """Pulls messages of complex64 samples, as GNU Radio's `push_sink` sends them, until `finish`;
    see `EndingSource`.

    Args:
        address: of the sender, which binds.

    Attributes:
        malformed: messages that were dropped: of several frames, with part of a sample, too large,
            or not of ZeroMQ. After the last two it connects again. Each leaves a gap.

    Raises:
        zmq.ZMQError: an address that makes no sense.
    """

    def __init__(self, address: str):
        super().__init__("percast zmq sample source")
        self.malformed = 0
        self._finishing = False
        self._socket = zmq.Context.instance().socket(zmq.PULL)
        self._socket.linger = 0
        self._socket.rcvhwm = _QUEUE
        self._socket.maxmsgsize = _MAX_BYTES
        self._socket.ipv6 = "[" in address
        self._address = address
        self._monitor = self._socket.get_monitor_socket(_LOST | _RETRIES)
        self._lost: float | None = None  # since when there has been no connection and no attempt
        self._said = -_SAY
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
        self._socket.disable_monitor()
        self._socket.close()

    def more(self) -> np.ndarray | None:
        if self._finishing:
            return None
        if self._socket.poll(_WAIT_MS):
            return self._checked(self._socket.recv_multipart())
        self._mend()
        return NOTHING

    def _mend(self) -> None:
        """Connect again where ZeroMQ has given up."""
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            self._lost = time.monotonic() if event == _LOST else None
        now = time.monotonic()
        if self._lost is None or now - self._lost < _PATIENCE:
            return
        self._lost = None
        self._drop_one()
        with contextlib.suppress(zmq.ZMQError):  # it knows the address no more
            self._socket.disconnect(self._address)
        self._socket.connect(self._address)
        if now - self._said >= _SAY:
            self._said = now
            log.warning(
                "%s sent what is no message of samples, or one of more than %d MB: left out; "
                "connected again",
                self._address,
                _MAX_BYTES >> 20,
            )

    def _checked(self, frames: list[bytes]) -> np.ndarray:
        if len(frames) > 1 or len(frames[0]) % NOTHING.itemsize:
            self._drop_one()
            return NOTHING
        return np.frombuffer(frames[0], NOTHING.dtype)

    def _drop_one(self) -> None:
        self.malformed += 1
        self.mark_gap()
