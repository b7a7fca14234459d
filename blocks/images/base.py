# SPDX-License-Identifier: GPL-3.0-or-later
"""What every image source and every image sink offers."""

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing

import numpy as np

from percast.blocks.images.picture import Picture
from percast.blocks.stats.clock import CLOCK
from percast.errors import UsageError


class PictureSource(ABC):
    """Pictures one after another: `with open_source(...) as source: for picture in source: ...`.

    Attributes:
        live: True where pictures come when they come (camera, zmq), so that the source may wait;
            False where the next one is there whenever asked for.
        skipped: Pictures that could not be used, and files of a folder that are of kinds that are
            not read, each counted once.
        dropped: Pictures of a live source that were replaced by a newer one before they were
            asked for.
    """

    live = False

    def __init__(self, frames: int | None = None):
        """
        Args:
            frames: Pictures to hand over; 0 = for ever; None = once through, for ever if live.

        Raises:
            UsageError: `frames` is negative.
        """
        if frames is not None and frames < 0:
            raise UsageError(f"--frames {frames}: give a number of pictures, or 0 for ever")
        self.skipped = 0
        self.dropped = 0
        self._frames = frames
        self._closed = threading.Event()

    @abstractmethod
    def _round(self) -> Iterator[tuple[np.ndarray, str]]:
        """Yields (rgb, name) of each usable picture once; a live source's until it is closed.

        A round without a usable picture raises, or going round would never end.
        """

    def __iter__(self) -> Iterator[Picture]:
        """Yields each picture, rgb uint8 [H, W, 3], with the time of its hand-over.

        Raises:
            FileError: no picture of a folder, file or video is (or is still) usable.
            DeviceError: the camera stopped.
        """
        handed_over = 0
        while not self._closed.is_set():
            with closing(self._round()) as pictures:
                for rgb, name in pictures:
                    if self._closed.is_set():
                        return
                    yield Picture(rgb, _printable(name), CLOCK.now())
                    handed_over += 1
                    if handed_over == self._frames:
                        return
            if self._frames is None:
                return

    def close(self) -> None:
        """Ends any iteration, also one that waits in another thread; may be called again."""
        self._closed.set()

    def __enter__(self) -> "PictureSource":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class PictureSink(ABC):
    """Where received pictures go: `with open_sink(...) as sink: sink.write(rgb, record)`."""

    @abstractmethod
    def write(self, rgb: np.ndarray, record: dict) -> None:
        """Takes one picture.

        Args:
            rgb: uint8 [H, W, 3].
            record: What is known about the picture: str, numbers (numpy's too), None, and lists
                and dicts of these; NaN and infinities are written as null.

        Raises:
            FileError: it cannot be written.
        """

    def note(self, record: dict) -> None:  # noqa: B027 - most have no place for it
        """Takes the record of a picture that arrived and could not be decoded; see `write`."""

    def close(self) -> None:
        """Lets go of files and sockets; may be called again."""

    def __enter__(self) -> "PictureSink":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _printable(name: str) -> str:
    """A name that can be sent and written anywhere, also where it was not valid UTF-8."""
    return os.fsencode(name).decode("utf-8", errors="replace")
