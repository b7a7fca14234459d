# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in and out: folders, files, videos, cameras and ZeroMQ.

`open_source` and `open_sink` take the texts of `--source` and `--out`; inside the program a
picture is uint8 RGB [H, W, 3] with sides of `MIN_SIDE`..`MAX_SIDE` pixels. What a file's pixels
are is decided in `percast.engines.pictures`, for training and evaluation as well; what a video's
are, in `video_source` and `video_frames`.

- `config`: the settings; `sources`, `sinks`: `open_source` and `open_sink`; `base`: what all offer
- `picture`: a picture on its way, and the sizes that can be sent
- `file_source`, `folder_sink` with its `frames_log`; `camera_source`, `video_source` with
  `video_frames`: one kind each
- `zmq_images`: other programs, in the format of `messages`, with `zmq_keys`
- `records`: what is known about a picture, as a line of JSON
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
