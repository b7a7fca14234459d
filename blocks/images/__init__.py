# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in and out: folders, files, videos, cameras and ZeroMQ.

`open_source` and `open_sink` take the texts of `--source` and `--out`; inside the program a
picture is uint8 RGB [H, W, 3] with sides of `MIN_SIDE`..`MAX_SIDE` pixels. What a file's pixels
are is decided in `percast.engines.pictures`, for training and evaluation as well; what a video's
are, in `video_source` and `video_frames`.
"""

from percast.blocks.images.base import PictureSink, PictureSource
from percast.blocks.images.frames_log import read_frames
from percast.blocks.images.messages import MalformedMessage, decode_message, encode_message
from percast.blocks.images.picture import MAX_SIDE, MIN_SIDE, Picture, fit, parse_size
from percast.blocks.images.sinks import open_sink
from percast.blocks.images.sources import open_source

__all__ = [
    "MAX_SIDE",
    "MIN_SIDE",
    "MalformedMessage",
    "Picture",
    "PictureSink",
    "PictureSource",
    "decode_message",
    "encode_message",
    "fit",
    "open_sink",
    "open_source",
    "parse_size",
    "read_frames",
]
