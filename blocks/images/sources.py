# SPDX-License-Identifier: GPL-3.0-or-later
"""`--source`: which image source a text names."""

from pathlib import Path

from percast.blocks.images.base import PictureSource
from percast.blocks.images.camera_source import CameraSource
from percast.blocks.images.file_source import FileSource
from percast.blocks.images.picture import check_size
from percast.blocks.images.video_source import VideoSource
from percast.blocks.images.zmq_images import ZmqImageSource
from percast.engines.pictures import Size
from percast.errors import UsageError


def open_source(
    spec: str,
    size: Size | None = None,
    frames: int | None = None,
    insecure: bool = False,
    zmq_keys: str | Path | None = None,
) -> PictureSource:
    """Opens an image source.

    Args:
        spec: PATH of a folder or a picture, video:PATH, camera:N, or zmq:tcp://HOST:PORT.
        size: Fit each picture to this (W, H), pixels; None keeps their own sizes.
        frames: Pictures to hand over; 0 = for ever; None = once through, for ever if live.
        insecure: Allow a zmq address that other machines can reach without keys.
        zmq_keys: Folder of CURVE keys for zmq.

    Raises:
        UsageError: the text names no source, or PyAV is needed and missing.
        FileError: the folder, file or video is missing or holds no usable picture; no usable keys.
        DeviceError: the camera is absent or busy.
    """
    if size is not None:
        check_size(size)
    kind, _, rest = spec.partition(":")
    if kind in ("video", "camera", "zmq") and not rest:
        raise UsageError(f"--source {spec}: something is missing after the colon")
    if kind == "video":
        return VideoSource(Path(rest), size, frames)
    if kind == "camera":
        if not (rest.isascii() and rest.isdecimal()):
            raise UsageError(f"--source {spec}: give the camera's number, such as camera:0")
        return CameraSource(f"/dev/video{int(rest)}", size, frames)
    if kind == "zmq":
        return ZmqImageSource(rest, size, frames, insecure, zmq_keys)
    if not spec:
        raise UsageError("--source: give a folder, a picture, video:PATH, camera:N or zmq:ADDRESS")
    return FileSource(Path(spec), size, frames)
