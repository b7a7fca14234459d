# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: pictures (PDUs) to a folder or socket, scored against their originals."""

import threading
from collections.abc import Callable

import numpy as np

from percast.blocks.images import PictureSink
from percast.blocks.pdu import from_pdu, is_end
from percast.blocks.worker_block import WorkerBlock


class ImageSink(WorkerBlock):
    """Scores and writes pictures in a worker thread.

    Message input `images`, as `ImageGenerator` sends them, those without a picture among them.
    `done` is set after the end message.

    Args:
        pictures: an open sink of `percast.blocks.images`; closed by whoever opened it.
        score: gives the figures of a picture (rgb uint8 [H, W, 3] or None where there is none,
            record) -> dict, to be joined to its record.
        on_image: called with each finished record.
        depth: pictures that may wait.
        live: see `WorkerBlock`.
    """

    def __init__(
        self,
        pictures: PictureSink,
        score: Callable[[np.ndarray | None, dict], dict] = lambda rgb, record: {},
        on_image: Callable[[dict], None] = lambda record: None,
        depth: int = 4,
        live: bool = False,
    ):
        super().__init__("percast image sink", "images", None, depth, live)
        self.pictures, self.score, self.on_image = pictures, score, on_image
        self.done = threading.Event()

    def process(self, message) -> None:
        if is_end(message):
            self.done.set()
            return
        record, data = from_pdu(message)
        rgb = data.reshape(record["height"], record["width"], 3) if data.size else None
        # What stands in for a picture is shown, and has no figures.
        record |= self.score(None if "undecodable" in record else rgb, record)
        if rgb is None:
            self.pictures.note(record)
        else:
            self.pictures.write(rgb, record)
        self.on_image(record)
