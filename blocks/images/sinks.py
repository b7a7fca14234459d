# SPDX-License-Identifier: GPL-3.0-or-later
"""`--out`: which image sink a text names."""

from pathlib import Path

import numpy as np

from percast.blocks.images.base import PictureSink
from percast.blocks.images.folder_sink import FolderSink
from percast.blocks.images.zmq_images import ZmqImageSink
from percast.errors import UsageError


class NullSink(PictureSink):
    """Keeps nothing."""

    def write(self, rgb: np.ndarray, record: dict) -> None:
        """Does nothing."""


def open_sink(
    spec: str | None, insecure: bool = False, zmq_keys: str | Path | None = None
) -> PictureSink:
    """Opens an image sink.

    Args:
        spec: A folder, zmq:tcp://HOST:PORT, or None to keep nothing.
        insecure: Allow a zmq address that other machines can reach without keys.
        zmq_keys: Folder of CURVE keys for zmq.

    Raises:
        UsageError: the text names no sink.
        FileError: the folder cannot be written; no usable keys.
    """
    if spec is None:
        return NullSink()
    if spec.startswith("zmq:"):
        return ZmqImageSink(spec.removeprefix("zmq:"), insecure, zmq_keys)
    if not spec:
        raise UsageError("--out: give a folder or zmq:tcp://HOST:PORT")
    return FolderSink(Path(spec))
