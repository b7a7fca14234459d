# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: pictures from a folder, video, camera or socket."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pmt
from gnuradio import gr

from percast.blocks.guard import Guarded, guarded
from percast.blocks.images import Picture, PictureSource
from percast.blocks.pdu import END, to_pdu
from percast.blocks.queues.worker import Worker
from percast.blocks.stats.clock import CLOCK
from percast.errors import UsageError


class ImageSource(Guarded, gr.basic_block):
    """Reads pictures in a thread of its own and sends them when the link has room.

    Message output `images`: PDU of {image, width, height, name, read_at} and rgb bytes; then the
    end message. Message input `credit`: one message for every picture that is through; at most
    `in_flight` are on their way. Without `fps` the source waits for credit and drops nothing;
    with it, pictures come at that pace once the first is through, for which engines compile, and
    the oldest that waits is dropped and counted. When reading fails, what was read is still sent,
    and `failure` holds the error.

    Args:
        pictures: an open source of `percast.blocks.images`; see `switch`.
        fps: pictures per second, None for as fast as the link takes them.
        in_flight: pictures between here and the block that gives credit.
        on_send: called with the number and the picture when it is sent.
    """

    def __init__(
        self,
        pictures: PictureSource,
        fps: float | None = None,
        in_flight: int = 3,
        on_send: Callable[[int, Picture], None] = lambda number, picture: None,
    ):
        gr.basic_block.__init__(self, "percast image source", None, None)
        self.pictures, self.fps, self.on_send = pictures, fps, on_send
        self.images = 0  # read, and given a number
        self._earlier = {"skipped": 0, "dropped": 0}  # by sources that were before this one
        self._switching = threading.Lock()
        self._ended = False
        self.sent = 0
        self._credit = threading.Semaphore(in_flight)
        self._first_through = threading.Event()
        self._closing, self._aborting = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._read, name="image source", daemon=True)
        paced = fps is not None
        self._outbox = Worker(
            self._send, depth=2 if paced else 1, drop_oldest=paced, name="image outbox"
        )
        self.message_port_register_out(pmt.intern("images"))
        self.message_port_register_in(pmt.intern("credit"))
        self.set_msg_handler(pmt.intern("credit"), self._take_credit)

    @property
    def dropped(self) -> int:
        """Pictures dropped because the link was slower than they came."""
        return self._outbox.dropped + self._earlier["dropped"] + self.pictures.dropped

    @property
    def skipped(self) -> int:
        """Unusable pictures in the source, and in those that were before it."""
        return self._earlier["skipped"] + self.pictures.skipped

    def switch(self, pictures: PictureSource) -> None:
        """Go on with the pictures of another open source; the one before it is closed. From any
        thread.

        Raises:
            UsageError: the last picture has been read, and the link is about to end.
        """
        with self._switching:
            if self._ended or self._closing.is_set():
                raise UsageError("the last picture has been read: the link is about to end")
            before, self.pictures = self.pictures, pictures
            for kind in self._earlier:
                self._earlier[kind] += getattr(before, kind)
        before.close()  # ends a reader that waits, too

    def start(self) -> bool:
        self._thread.start()
        return True

    def stop(self) -> bool:
        self.abort()
        return True

    def finish(self) -> None:
        """Read no more pictures; what was read is still sent, then the end message."""
        with self._switching:
            self._closing.set()
            pictures = self.pictures
        self._first_through.set()
        pictures.close()

    def abort(self) -> None:
        """Send nothing more."""
        self._aborting.set()
        self.finish()

    def _take_credit(self, _) -> None:
        self._credit.release()
        self._first_through.set()

    def _read(self) -> None:
        try:
            next_time = time.monotonic()
            for picture in self._pictures():
                if self._closing.is_set():
                    break
                if self.fps:
                    self._closing.wait(max(0.0, next_time - time.monotonic()))
                    next_time = max(next_time + 1 / self.fps, time.monotonic())
                    picture = replace(picture, read_at=CLOCK.now())
                self._outbox.submit((self.images, picture))
                self.images += 1
                if self.fps and self.images == 1:
                    while not self._first_through.wait(0.05):
                        self._outbox.check()
                    next_time = time.monotonic()
        except Exception as error:  # noqa: BLE001 - handed to whoever runs the graph
            self.end_early(error)
        self._finish_sending()

    def _pictures(self) -> Iterator[Picture]:
        """Those of the source, and of what it is switched to."""
        while True:
            pictures = self.pictures
            try:
                for picture in pictures:
                    if pictures is not self.pictures:
                        break
                    yield picture
            except Exception:  # of a source that was closed while it was read
                if pictures is self.pictures:
                    raise
            with self._switching:
                if pictures is self.pictures:
                    self._ended = True
                    return

    @guarded()
    def _finish_sending(self) -> None:
        try:
            self._outbox.close(drain=True)
        finally:
            self.message_port_pub(pmt.intern("images"), END)

    def _send(self, item: tuple[int, Picture]) -> None:
        number, picture = item
        while not self._credit.acquire(timeout=0.05):
            if self._aborting.is_set():
                return
        height, width = picture.rgb.shape[:2]
        meta = {
            "image": number,
            "width": width,
            "height": height,
            "name": picture.name,
            "read_at": picture.read_at,
        }
        self.on_send(number, picture)
        self.sent += 1
        self.message_port_pub(pmt.intern("images"), to_pdu(meta, picture.rgb.tobytes()))
