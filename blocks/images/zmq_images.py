# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures from and to other programs over ZeroMQ, in the format of `messages`.

Both ends bind, so that the other program may come and go:
    source: PULL; the other program connects a PUSH, and waits when the link is slower.
    sink: PUB (to be exact XPUB, which tells who asks for what); other programs connect SUBs; one
        that is too slow misses pictures. Whoever subscribes to everything gets pictures and
        nothing else; the `TOPICS` of `messages` come to those who ask for them by name.

They listen on this machine only, unless there are keys (`zmq_keys`) or the user insists.
"""

import ipaddress
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zmq

from percast.blocks.images.base import PictureSink, PictureSource
from percast.blocks.images.messages import (
    MAX_PAYLOAD_BYTES,
    PICTURES,
    TOPICS,
    MalformedMessage,
    decode_message,
    encode_message,
)
from percast.blocks.images.picture import check_usable, fit
from percast.blocks.images.zmq_keys import CurveServer
from percast.engines.pictures import BadPicture, Size
from percast.errors import UsageError
from percast.ipc import check_free

QUEUE = 8  # messages that wait in a socket, each way
POLL_MS = 50  # how long close() may have to wait
LINGER_MS = 500  # how long the last pictures may take to leave a closed sink
WARNING_SECONDS = 10.0  # between two warnings about malformed messages

log = logging.getLogger(__name__)


class ZmqImageSource(PictureSource):
    """Pictures that other programs push.

    Attributes:
        address: Where it listens, with the port number where `*` was given.
        malformed: Messages that broke the format; `skipped` counts them, too, and the pictures
            that cannot be sent.
    """

    live = True

    def __init__(
        self,
        address: str,
        size: Size | None = None,
        frames: int | None = None,
        insecure: bool = False,
        keys: str | Path | None = None,
    ):
        """
        Args:
            address: tcp://HOST:PORT, ipc://PATH or inproc://NAME.
            size: Fit each picture to this (W, H); None keeps their own sizes.
            frames: See `PictureSource`.
            insecure: Allow an address that other machines can reach without keys.
            keys: Folder of CURVE keys; only the clients in it may connect, encrypted.

        Raises:
            UsageError: the address is wrong, in use, or open to other machines.
            FileError: the folder holds no usable keys.
        """
        super().__init__(frames)
        check_address(address, insecure, keys)
        self.malformed = 0
        self._size = size
        self._next_warning = 0.0
        self._turn = threading.Lock()  # a socket is for one thread at a time
        self._port = _Port(zmq.PULL, keys, shared=address.startswith("inproc:"))
        self._socket = self._port.socket
        self._socket.rcvhwm = QUEUE
        self._socket.linger = 0
        self._socket.maxmsgsize = MAX_PAYLOAD_BYTES
        self.address = self._port.bind(address)

    def close(self) -> None:
        super().close()
        with self._turn:
            self._port.close()

    def _round(self) -> Iterator[tuple[np.ndarray, str]]:
        while not self._closed.is_set():
            parts = self._receive()
            if parts is None:
                continue
            try:
                rgb, header = decode_message(parts)
                check_usable(header["width"], header["height"], self._size)
            except MalformedMessage as problem:
                self.malformed += 1
                self._report(problem)
            except BadPicture as problem:
                self._report(problem)
            else:
                yield (rgb if self._size is None else fit(rgb, self._size)), header["name"]

    def _receive(self) -> list[bytes] | None:
        """The frames of the next message; None when none came for `POLL_MS`, or when closed."""
        with self._turn:
            if self._closed.is_set() or not self._socket.poll(POLL_MS):
                return None
            parts = [self._socket.recv()]
            while self._socket.rcvmore:
                part = self._socket.recv()
                if len(parts) < 3:  # one too many tells; the rest is not worth its memory
                    parts.append(part)
            return parts

    def _report(self, problem: ValueError) -> None:
        self.skipped += 1
        if time.monotonic() >= self._next_warning:
            self._next_warning = time.monotonic() + WARNING_SECONDS
            log.warning(
                "zmq:%s: %d pictures skipped, %d of them malformed messages; the last: %s",
                self.address,
                self.skipped,
                self.malformed,
                problem,
            )


class ZmqImageSink(PictureSink):
    """Publishes each received picture as PNG, its record in the header; and whatever else
    somebody asks for by name.

    Attributes:
        address: Where it listens, with the port number where `*` was given.
    """

    def __init__(self, address: str, insecure: bool = False, keys: str | Path | None = None):
        """Arguments and errors as for `ZmqImageSource`."""
        check_address(address, insecure, keys)
        self._port = _Port(zmq.XPUB, keys, shared=address.startswith("inproc:"))
        self._socket = self._port.socket
        self._socket.sndhwm = QUEUE
        self._socket.linger = LINGER_MS
        # What a subscription means is decided here; see `_heed_subscribers`.
        self._socket.setsockopt(zmq.XPUB_MANUAL, 1)
        self._turn = threading.Lock()  # a socket is for one thread at a time
        self._asked: Counter[bytes] = Counter()
        self._closed = False
        self.address = self._port.bind(address)

    def write(self, rgb: np.ndarray, record: dict) -> None:
        if PICTURES not in self.asked():
            return
        parts = encode_message(rgb, record, "png")
        with self._turn:
            if not self._closed:
                self._socket.send_multipart(parts)

    def asked(self) -> frozenset[bytes]:
        """`PICTURES` and those of the `TOPICS` that somebody subscribes to now."""
        with self._turn:
            if self._closed:
                return frozenset()
            self._heed_subscribers()
            return frozenset(self._asked)

    def tell(self, topic: bytes, text: str) -> None:
        """Publish JSON to those who asked for one of the `TOPICS`."""
        with self._turn:
            if not self._closed:
                self._socket.send_multipart([topic, text.encode()])

    def close(self) -> None:
        with self._turn:
            self._closed = True
            self._port.close()

    def _heed_subscribers(self) -> None:
        """Take what clients subscribed to since the last time, once for each client.

        All that a header of a picture may begin with is meant by those who want everything, as
        all did before there was anything else to be had.
        """
        while self._socket.poll(0):
            message = self._socket.recv()
            begins, wish = message[:1] == b"\x01", message[1:]
            topic = wish if wish in TOPICS else PICTURES
            if wish not in TOPICS and not wish.startswith(PICTURES):
                if wish:
                    continue  # nothing begins so
                wish = PICTURES
            self._socket.setsockopt(zmq.SUBSCRIBE if begins else zmq.UNSUBSCRIBE, wish)
            self._asked[topic] += 1 if begins else -1
            self._asked = +self._asked


class _Port:
    """A socket, with a context of its own: that can be made to wait until the last pictures have
    left, and asks for keys on its own account.

    Args:
        kind: of socket.
        keys: folder of CURVE keys, or None.
        shared: use the process's context, as inproc must.
    """

    def __init__(self, kind: int, keys: str | Path | None, shared: bool):
        self._guard = CurveServer(keys) if keys is not None else None
        self._context = None if shared else zmq.Context()
        context = self._context or zmq.Context.instance()
        self.socket = context.socket(kind)
        if self._guard and not shared:
            self._guard.protect(context, self.socket)

    def bind(self, address: str) -> str:
        """Binds and returns the address in full; closes the port if that fails."""
        self.socket.ipv6 = "[" in address
        try:
            check_free(address)
            self.socket.bind(address)
        except (OSError, zmq.ZMQError) as error:
            self.socket.linger = 0
            self.close()
            raise UsageError(
                f"zmq:{address}: cannot listen there ({error.strerror}); choose another address"
            ) from error
        return self.socket.last_endpoint.decode()

    def close(self) -> None:
        self.socket.close()
        if self._guard is not None:
            self._guard.close()
        if self._context is not None:
            self._context.term()


def check_address(address: str, insecure: bool, keys: str | Path | None = None) -> None:
    """Raises `UsageError` unless `address` is one that only this machine reaches.

    tcp:// on 127.0.0.0/8, localhost or ::1, ipc:// and inproc://; with `insecure` or `keys` any
    tcp://.
    """
    scheme, _, place = address.partition("://")
    if scheme in ("ipc", "inproc") and place:
        return
    host, _, port = place.rpartition(":")
    if scheme != "tcp" or not host or not _is_port(port):
        raise UsageError(f"zmq:{address}: give an address such as zmq:tcp://127.0.0.1:5555")
    if not insecure and keys is None and not _is_loopback(host):
        raise UsageError(
            f"zmq:{address}: other machines could reach this; use 127.0.0.1, or --zmq-keys DIR "
            "(made by `percast keys`), or --insecure if that is meant"
        )


def _is_port(text: str) -> bool:
    return text == "*" or (text.isascii() and text.isdecimal() and 0 <= int(text) <= 65535)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name or an interface, whose address nobody promises
        return False
