# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a transmitter or receiver while it runs: `--control`, and what `percast tune` asks it.

ZeroMQ REQ/REP, one JSON object each way: {"freq": 2.41e9, "gain": 20} (either may be missing;
texts such as "2.41G" and "VGA=20" are understood) is answered by {"ok": true, "took": {...}} or
{"ok": false, "error": "..."}; {"status": true} by {"ok": true, "status": {...}}, the tree of
figures (`percast.blocks.stats.tree`). On this machine only: the socket has no password.
"""

import argparse
import json
import logging
import math
import threading
from collections.abc import Callable

import zmq

from percast.errors import PercastError, UsageError
from percast.flowgraphs.config import RunConfig
from percast.flowgraphs.radios.config import Gain, parse_gain
from percast.quantity import quantity

log = logging.getLogger(__name__)

_POLL_MS = 50
_CLOSE_SECONDS = 5.0
_MAX_BYTES = 4096


class ControlServer:
    """Answers requests in a thread of its own.

    Args:
        address: tcp://127.0.0.1:PORT or ipc://PATH.
        tune: takes a frequency and a gain, None for what shall stay; gives what the radio took.

    Attributes:
        malformed: requests that made no sense.
        status: gives the tree of figures; None before there is one.

    Raises:
        UsageError: an address beyond this machine, or one that is taken.
    """

    def __init__(self, address: str, tune: Callable[[float | None, Gain | None], dict]):
        check_local(address)
        self.malformed = 0
        self.status: Callable[[], dict] | None = None
        self._tune = tune
        self._closing = threading.Event()
        self._socket = zmq.Context.instance().socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, _MAX_BYTES)
        try:
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self._socket.close()
            raise UsageError(f"--control {address}: {error.strerror}; choose another") from error
        self._thread = threading.Thread(target=self._serve, name="percast control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering; a driver that hangs while it is tuned is left behind."""
        self._closing.set()
        self._thread.join(_CLOSE_SECONDS)

    def _serve(self) -> None:
        with self._socket:
            while not self._closing.is_set():
                try:
                    if self._socket.poll(_POLL_MS):
                        answer = self._answer(self._socket.recv_multipart())
                        self._socket.send_string(json.dumps(answer))
                except zmq.ZMQError as error:
                    log.info("control: %s", error)

    def _answer(self, frames: list[bytes]) -> dict:
        try:
            asked = parse_request(frames)
        except ValueError as error:
            self.malformed += 1
            log.info("control: %s", error)
            return {"ok": False, "error": str(error)}
        if asked is None:
            return self._tell_status()
        try:
            took = self._tune(*asked)
        except PercastError as error:
            return {"ok": False, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - whatever a driver does, the link goes on
            log.warning("control: %s", error)
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}
        log.info("control: tuned to %s", took)
        return {"ok": True, "took": took}

    def _tell_status(self) -> dict:
        if self.status is None:
            return {"ok": False, "error": "it is starting and has no figures yet: ask again"}
        return {"ok": True, "status": self.status()}


def check_local(address: str) -> None:
    """Refuse addresses that other machines could reach.

    Raises:
        UsageError: naming the flag.
    """
    with RunConfig.told_as_flags():
        RunConfig(control=address)


def parse_request(frames: list[bytes]) -> tuple[float | None, Gain | None] | None:
    """Frequency and gain of a request; None where it asks for the status.

    Raises:
        ValueError: it makes no sense.
    """
    if len(frames) != 1:
        raise ValueError(f"expected one frame, got {len(frames)}")
    try:
        request = json.loads(frames[0])
    except (ValueError, RecursionError) as error:
        raise ValueError('not JSON; expected {"freq": 2.41e9, "gain": 20}') from error
    if request == {"status": True}:
        return None
    if not isinstance(request, dict) or not request or set(request) - {"freq", "gain"}:
        raise ValueError('expected an object with "freq", "gain" or both, or {"status": true}')
    try:
        freq = _number(request["freq"]) if "freq" in request else None
        gain = _gain(request["gain"]) if "gain" in request else None
    except (argparse.ArgumentTypeError, TypeError) as error:
        raise ValueError(f"not a number: {error}") from error
    if freq is not None and not 0 < freq < 1e12:
        raise ValueError(f"freq {freq:g}: must be a positive number of Hz")
    return freq, gain


def _number(value: object) -> float:
    if isinstance(value, str):
        return quantity(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(str(value)[:40])
    return float(value)


def _gain(value: object) -> Gain:
    if isinstance(value, dict) and value:
        return {str(name): _number(gain) for name, gain in value.items()}
    return parse_gain(value) if isinstance(value, str) else _number(value)
