# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: pictures (PDUs) to a folder or socket, scored against their originals."""

import threading
from collections.abc import Callable

import numpy as np
import pmt
from gnuradio import gr

from percast.blocks.guard import Guarded, guarded
from percast.blocks.images import ImageSink as Pictures
from percast.blocks.pdu import from_pdu, is_end
from percast.engines.worker import Worker


class ImageSink(Guarded, gr.basic_block):
    """Scores and writes pictures in a worker thread.

    Message input `images`, as `ImageGenerator` sends them. `done` is set after the end message.

    Args:
        pictures: an open sink of `percast.blocks.images`; closed by whoever opened it.
        score: gives the figures of a picture (rgb uint8 [H, W, 3], record) -> dict, to be
            joined to its record.
        on_image: called with each finished record.
        depth: pictures that may wait.
        live: drop the oldest and count it when too many wait.
    """

    def __init__(
        self,
        pictures: Pictures,
        score: Callable[[np.ndarray, dict], dict] = lambda rgb, record: {},
        on_image: Callable[[dict], None] = lambda record: None,
        depth: int = 4,
        live: bool = False,
    ):
        gr.basic_block.__init__(self, "percast image sink", None, None)
        self.pictures, self.score, self.on_image = pictures, score, on_image
        self.done = threading.Event()
        self._worker = Worker(self._write, depth=depth, drop_oldest=live, name="image sink")
        self.message_port_register_in(pmt.intern("images"))
        self.set_msg_handler(pmt.intern("images"), self._take)

    @property
    def dropped(self) -> int:
        return self._worker.dropped

    def full(self) -> bool:
        return self._worker.full

    @guarded()
    def _take(self, message) -> None:
        self._worker.submit(message)

    @guarded()
    def _write(self, message) -> None:
        if is_end(message):
            self.done.set()
            return
        record, data = from_pdu(message)
        rgb = data.reshape(record["height"], record["width"], 3)
        record |= self.score(rgb, record)
        self.pictures.write(rgb, record)
        self.on_image(record)

    def stop(self) -> bool:
        self._worker.close(drain=False)
        return True
