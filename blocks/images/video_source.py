# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures from a video file."""

import itertools
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from percast.blocks.images.base import PictureSource
from percast.blocks.images.picture import check_usable, fit
from percast.blocks.images.video_frames import FrameConverter, import_av, shown_size
from percast.engines.pictures import BadPicture, Size
from percast.errors import FileError

log = logging.getLogger(__name__)


class VideoSource(PictureSource):
    """Every frame of a video file's main track, as a player shows it; damaged ones are skipped.

    The main track is the one of most pixels, cover pictures and thumbnails last. Frames stand
    upright, mirrored where the file says so, in square pixels. YCbCr of no stated matrix is BT.709
    from 1280 columns or 577 lines on, else BT.601.
    """

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
        container, track = self._open()
        with container:
            for index, frame in enumerate(self._frames_of(container, track)):
                try:
                    if frame.is_corrupt:
                        raise BadPicture("damaged")
                    shown = shown_size(frame.width, frame.height, track.sample_aspect_ratio)
                    check_usable(*shown, self._size)
                except BadPicture as problem:  # some streams change size on the way
                    self._report(f"frame {index}", problem)
                    continue
                rgb = to_rgb(frame, track.sample_aspect_ratio)
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
            track = _main_track(container)
            if track is None:
                raise FileError(f"video:{self._path}: holds no video stream that can be decoded")
            shown = shown_size(track.width, track.height, track.sample_aspect_ratio)
            check_usable(*shown, self._size)
        except BadPicture as problem:
            container.close()
            raise FileError(f"video:{self._path}: {problem}") from problem
        except FileError:
            container.close()
            raise
        return container, track

    def _frames_of(self, container, track) -> Iterator:
        """Decodes packet by packet, so that a damaged one costs no more than its own frames."""
        packets = container.demux(track)
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


def _main_track(container):
    """The video stream that players show; None where there is none that can be decoded."""
    decodable = [track for track in container.streams.video if track.codec_context is not None]
    return max(decodable, key=_rank, default=None)


def _rank(track) -> tuple[bool, int, bool, int]:
    kinds = type(track.disposition)
    beside = kinds.attached_pic | kinds.timed_thumbnails | kinds.still_image
    return (
        not track.disposition & beside,
        track.width * track.height,
        bool(track.disposition & kinds.default),
        -track.index,
    )
