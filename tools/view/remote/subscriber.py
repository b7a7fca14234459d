# SPDX-License-Identifier: GPL-3.0-or-later
"""The viewer's end: pictures and figures that another process publishes."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import zmq
from zmq.utils.monitor import recv_monitor_message

from percast.blocks.images.messages import (
    AIR,
    FIGURES,
    MAX_PAYLOAD_BYTES,
    PICTURES,
    SPECTRUM,
    TOPICS,
    MalformedMessage,
    decode_message,
)
from percast.blocks.images.zmq_keys import CurveClient
from percast.errors import UsageError
from percast.tools.view import messages
from percast.tools.view.remote import checks
from percast.tools.view.shown import Shown, key_of
from percast.tools.web.limits import Complaints

log = logging.getLogger(__name__)

_POLL_MS = 100
_WAITING = 8  # messages in the socket
_SILENCE = 3.0  # seconds without figures, of one that tells them twice a second
_HEARTBEAT_MS = 1000
_LOST = (zmq.EVENT_DISCONNECTED, zmq.EVENT_CLOSED)
_REFUSED = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
)


class Subscriber:
    """What `Taps` is to a receiver in this process, of one in another. Restarts of either end are
    survived.

    Args:
        address: tcp://HOST:PORT or ipc://PATH of its `--out`.
        keys: where that asks for them.
        complaints: counts what makes no sense.

    Attributes:
        on_picture, newest, erased, realism: see `Taps`.
        stats: the tree of figures as JSON has it; None where there is none (yet).
        source: where the receiver has its samples from, in words.
        gone: why nothing comes; None while it does.

    Raises:
        UsageError: the address is none.
    """

    realism = None  # decided at the receiver

    def __init__(self, address: str, keys: CurveClient | None, complaints: Complaints):
        self.address, self._complaints = address, complaints
        self.on_picture: Callable[[], None] = lambda: None
        self.newest: Shown | None = None
        self.stats: dict[str, Any] | None = None
        self.erased, self.source = 0, address
        self.gone: str | None = f"nobody publishes at {address} yet; waiting"
        self._unseen: list[bytes] | None = None  # a picture that came while nobody looked
        self._told: dict[str, str] = {}
        self._figures_at: float | None = None
        self._looked, self._looking = False, False
        self._numbers = 0
        self._closing = threading.Event()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._monitor = self._socket.get_monitor_socket()
        self._connect(keys)
        self._thread = threading.Thread(target=self._serve, name="percast subscriber", daemon=True)
        self._thread.start()

    def _connect(self, keys: CurveClient | None) -> None:
        options = {
            zmq.LINGER: 0, zmq.RCVHWM: _WAITING, zmq.MAXMSGSIZE: MAX_PAYLOAD_BYTES,
            zmq.IPV6: "[" in self.address, zmq.RECONNECT_IVL_MAX: 2000,
            # A machine that is switched off says no good-bye.
            zmq.HEARTBEAT_IVL: _HEARTBEAT_MS, zmq.HEARTBEAT_TIMEOUT: 3 * _HEARTBEAT_MS,
        }  # fmt: skip
        for option, value in options.items():
            self._socket.setsockopt(option, value)
        if keys is not None:
            keys.protect(self._socket)
        for topic in (PICTURES, FIGURES):
            self._socket.subscribe(topic)
        try:
            self._socket.connect(self.address)
        except zmq.ZMQError as error:
            self._end()
            raise UsageError(
                f"--connect zmq:{self.address}: {error.strerror}; "
                "give an address such as zmq:tcp://127.0.0.1:5555"
            ) from error

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._end()

    def _end(self) -> None:
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)
        self._context.term()

    def look(self, somebody: bool) -> None:
        """Whether anybody looks; packets and spectra are not asked for otherwise."""
        self._looked = somebody

    def air(self) -> list[tuple[str, str]]:
        """See `Taps`."""
        told, self._told = self._told, {}
        return list(told.items())

    def _serve(self) -> None:
        poller = zmq.Poller()
        for socket in (self._socket, self._monitor):
            poller.register(socket, zmq.POLLIN)
        while not self._closing.is_set():
            ready = dict(poller.poll(_POLL_MS))
            try:
                self._follow()
                if self._monitor in ready:
                    self._note(recv_monitor_message(self._monitor)["event"])
                if self._socket in ready:
                    self._take(self._socket.recv_multipart())
                self._listen_for_silence()
            except (ValueError, MalformedMessage) as error:
                self._complaints.add("malformed message of the receiver", str(error))
            except Exception as error:  # noqa: BLE001 - whatever they send, the page stays
                self._complaints.add("error", f"{type(error).__name__}: {error}")

    def _follow(self) -> None:
        """Ask for as much as is looked at."""
        if self._looked == self._looking:
            return
        self._looking = self._looked
        change = self._socket.subscribe if self._looking else self._socket.unsubscribe
        for topic in (AIR, SPECTRUM):
            change(topic)
        unseen, self._unseen = self._unseen, None
        if self._looking and unseen is not None:
            self._show(unseen)

    def _note(self, event: int) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.gone = None
            self._figures_at = None
        elif event in _REFUSED:
            self.gone = "the receiver lets nobody in without one of its keys: --zmq-keys"
        elif event in _LOST and self.gone is None:
            self.gone = "the receiver has gone; waiting for it"

    def _listen_for_silence(self) -> None:
        if self._figures_at is None or self.gone is not None:
            return
        if time.monotonic() - self._figures_at > _SILENCE:
            self.gone = "the receiver says nothing any more; waiting for it"

    def _take(self, parts: list[bytes]) -> None:
        if parts[0] not in TOPICS:
            # Nobody's eyes, nobody's work.
            if self._looking or self.newest is None:
                self._show(parts)
            else:
                self._unseen = parts
            return
        if len(parts) != 2:
            raise ValueError(f"{len(parts)} frames")
        kind = parts[0].decode()
        told = checks.message(kind, parts[1])
        if kind == "figures":
            self.stats, self.erased, self.source = told["stats"], told["erased"], told["source"]
            self._figures_at, self.gone = time.monotonic(), None
        else:
            self._told[kind] = messages.text(kind, **told)

    def _show(self, parts: list[bytes]) -> None:
        rgb, header = decode_message(parts)
        session, number = header.get("session"), header.get("id")
        if not all(type(n) is int and 0 <= n < 1 << 32 for n in (session, number)):
            session, number = 0, self._numbers
        self._numbers += 1
        record = checks.record(header)
        self.newest = Shown(
            key_of(session, number), None, np.ascontiguousarray(rgb), None, record, None
        )
        self.on_picture()
