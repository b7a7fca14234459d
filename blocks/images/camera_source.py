# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures from a camera."""

import os
import threading
from collections.abc import Iterator

import numpy as np

from percast.blocks.images.base import PictureSource
from percast.blocks.images.picture import check_usable, fit
from percast.blocks.images.video_frames import FrameConverter, import_av
from percast.engines.pictures import BadPicture, Size
from percast.errors import DeviceError, UsageError

STALL_SECONDS = 10.0  # a camera that gives nothing for so long is taken for gone


class CameraSource(PictureSource):
    """The newest picture of a camera each time one is asked for.

    A thread keeps emptying the driver's queue: otherwise a link slower than the camera would send
    pictures that are ever older. What it overwrites is counted in `dropped`.
    """

    live = True

    def __init__(
        self,
        device: str,
        size: Size | None = None,
        frames: int | None = None,
        input_format: str = "v4l2",
    ):
        """
        Args:
            device: What FFmpeg opens, such as /dev/video0.
            size: Fit each picture to this (W, H); None keeps the camera's.
            frames: See `PictureSource`.
            input_format: FFmpeg's name of the kind of device.

        Raises:
            DeviceError: no such camera, or it cannot be opened.
            UsageError: PyAV is not installed, or the camera's size cannot be sent.
        """
        super().__init__(frames)
        self._av = import_av()
        self._device = device
        self._size = size
        self._container = self._open(input_format)
        self._newest = None
        self._failure: Exception | None = None
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, name=f"camera {device}", daemon=True)
        self._reader.start()

    def close(self) -> None:
        super().close()
        with self._changed:
            self._changed.notify_all()
        self._reader.join(timeout=1.0)  # a driver that hangs is left to the end of the process

    def _open(self, input_format: str):
        try:
            container = self._av.open(self._device, format=input_format)
        except (self._av.FFmpegError, OSError) as error:
            raise DeviceError(
                f"camera {self._device} cannot be opened ({error.strerror}): check that it is "
                "plugged in (ls /dev/video*), that no other program uses it, and that your user "
                "is in the group 'video'"
            ) from error
        stream = container.streams.video[0]
        try:
            check_usable(stream.width, stream.height, self._size)
        except BadPicture as problem:
            container.close()
            raise UsageError(f"camera {self._device}: {problem}") from problem
        return container

    def _read(self) -> None:
        """The thread: puts each frame where `_round` takes it."""
        failure: Exception
        with self._container:
            try:
                for frame in self._container.decode(video=0):
                    if self._closed.is_set():
                        return
                    with self._changed:
                        self.dropped += self._newest is not None
                        self._newest = frame
                        self._changed.notify_all()
                failure = self._stopped("it ended its stream")
            except self._av.FFmpegError as error:
                failure = self._stopped(error.strerror)
            except Exception as error:  # a bug: its traceback belongs to who asks for pictures
                failure = error
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def _stopped(self, why: str) -> DeviceError:
        return DeviceError(f"camera {self._device} stopped ({why}): check its cable")

    def _round(self) -> Iterator[tuple[np.ndarray, str]]:
        to_rgb = FrameConverter()
        index = 0
        while (frame := self._take()) is not None:
            rgb = to_rgb(frame)
            yield (
                rgb if self._size is None else fit(rgb, self._size),
                f"{os.path.basename(self._device)}#{index:06d}",
            )
            index += 1

    def _take(self):
        """The newest frame not yet taken, waiting for it; None when closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._newest is not None or self._failure or self._closed.is_set(),
                timeout=STALL_SECONDS,
            )
            if self._closed.is_set():
                return None
            frame, self._newest = self._newest, None
            if frame is None:
                raise self._failure or self._stopped(f"no picture for {STALL_SECONDS:.0f} s")
            return frame
