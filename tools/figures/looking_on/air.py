# SPDX-License-Identifier: GPL-3.0-or-later
"""The air between a transmitter's process and receivers' processes, at the pace of a clock."""

import threading
import time

import numpy as np
import zmq

_TICK = 0.01  # seconds
_MOST = 2 * _TICK  # in a message
_WAITING = 200  # messages on their way to a receiver: two seconds
_NOISE = 0.02  # amplitude; a packet's is some ten times as much


class Air:
    """A thread that sends each receiver noise, and in it what the transmitter sends.

    Args:
        samp_rate: samples/s.
        sender: address of the transmitter's `--device zmq`.
        receivers: how many there are.

    Attributes:
        addresses: for the receivers' `--device zmq`.
        lost: samples that a receiver did not take in time, of each.
        taken: that it took.
        begun: set when the transmitter sends.
    """

    def __init__(self, samp_rate: float, sender: str, receivers: int):
        self._rate = samp_rate
        self._context = zmq.Context()
        self._from = self._context.socket(zmq.PULL)
        self._from.rcvhwm = 8
        self._from.connect(sender)
        self._to = [self._context.socket(zmq.PUSH) for _ in range(receivers)]
        for socket in self._to:
            socket.sndhwm, socket.linger = _WAITING, 0
            socket.bind("tcp://127.0.0.1:*")
        self.addresses = [socket.last_endpoint.decode() for socket in self._to]
        self.lost, self.taken = [0] * receivers, [0] * receivers
        rng = np.random.default_rng(0)
        noise = rng.standard_normal((1 << 20, 2), np.float32) * _NOISE / 2**0.5
        self._noise = noise.view(np.complex64)[:, 0]
        self._waiting = np.zeros(0, np.complex64)
        self.begun, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._blow, name="air", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._context.destroy(linger=0)

    def _blow(self) -> None:
        start, sent = time.monotonic(), 0
        while not self._closing.wait(_TICK):
            due = int((time.monotonic() - start) * self._rate) - sent
            sent += due
            # After a pause of this process, too, messages are small: how much waits in a receiver
            # is told in messages.
            most = int(_MOST * self._rate)
            while due > 0:
                self._push(self._heard(min(due, most)))
                due -= most

    def _heard(self, samples: int) -> np.ndarray:
        """So many samples of noise with what is sent in them."""
        while len(self._waiting) < samples and self._from.poll(0):
            self.begun.set()
            more = np.frombuffer(self._from.recv(), np.complex64)
            self._waiting = np.concatenate([self._waiting, more])
        first = np.random.randint(len(self._noise))
        heard = np.resize(np.roll(self._noise[: 2 * samples], first), samples).copy()
        signal, self._waiting = self._waiting[:samples], self._waiting[samples:]
        heard[: len(signal)] += signal
        return heard

    def _push(self, samples: np.ndarray) -> None:
        for i, socket in enumerate(self._to):
            try:
                socket.send(samples, zmq.NOBLOCK)
                self.taken[i] += len(samples)
            except zmq.Again:
                self.lost[i] += len(samples)
