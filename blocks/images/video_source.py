# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures from a video file."""

import itertools
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from percast.blocks.images.base import PictureSource
from percast.blocks.images.picture import BadPicture, Size, check_usable, fit
from percast.blocks.images.video_frames import FrameConverter, import_av
from percast.errors import FileError

log = logging.getLogger(__name__)


class VideoSource(PictureSource):
    """Every frame of a video file's first video stream, upright; damaged ones are skipped."""

    def __init__(self, path: Path, size: Size | None = None, frames: int | None = None):
        """
        Args:
            path: Any video that FFmpeg reads.
            size: Fit each frame to this (W, H); None keeps the video's.
            frames: See `PictureSource`; more than the video holds starts it again.

        Raises:
            FileError: `path` is missing, or holds no usable frame.
            UsageError: PyAV is not installed.
        """
        super().__init__(frames)
        self._av = import_av()
        self._path = path
        self._size = size
        self._damaged: set[str] = set()
        next(self._round())  # an unusable video fails now, not when on the air

    def _round(self) -> Iterator[tuple[np.ndarray, str]]:
        to_rgb = FrameConverter()
        usable = 0
        with self._open() as container:
            for index, frame in enumerate(self._frames_of(container)):
                try:
                    if frame.is_corrupt:
                        raise BadPicture("damaged")
                    check_usable(frame.width, frame.height, self._size)
                except BadPicture as problem:  # some streams change size on the way
                    self._report(f"frame {index}", problem)
                    continue
                rgb = to_rgb(frame)
                usable += 1
                yield (
                    rgb if self._size is None else fit(rgb, self._size),
                    f"{self._path.name}#{index:06d}",
                )
        if not usable:
            raise FileError(f"video:{self._path}: holds no frame that can be used")

    def _open(self):
        if not os.path.isfile(self._path):
            raise FileError(f"video:{self._path}: no such file; check --source")
        try:
            # Playlists name other files: never follow one to the network.
            container = self._av.open(
                f"file:{self._path}", container_options={"protocol_whitelist": "file"}
            )
        except (self._av.FFmpegError, OSError) as error:
            raise FileError(
                f"video:{self._path}: not a readable video ({error.strerror})"
            ) from error
        try:
            if not container.streams.video:
                raise FileError(f"video:{self._path}: holds no video stream")
            stream = container.streams.video[0]
            check_usable(stream.width, stream.height, self._size)
        except BadPicture as problem:
            container.close()
            raise FileError(f"video:{self._path}: {problem}") from problem
        except FileError:
            container.close()
            raise
        return container

    def _frames_of(self, container) -> Iterator:
        """Decodes packet by packet, so that a damaged one costs no more than its own frames."""
        packets = container.demux(container.streams.video[0])
        for index in itertools.count():
            try:
                packet = next(packets, None)
            except self._av.FFmpegError as error:
                self._report(f"packet {index}", error)
                return
            if packet is None:
                return
            try:
                decoded = packet.decode()
            except self._av.FFmpegError as error:
                self._report(f"packet {index}", error)
                continue
            yield from decoded

    def _report(self, place: str, problem: Exception) -> None:
        """Counts each damaged place once, however often the video goes round; logs the first."""
        if not self._damaged:
            log.warning("video:%s: %s skipped: %s", self._path, place, problem)
        if place not in self._damaged:
            self._damaged.add(place)
            self.skipped += 1
