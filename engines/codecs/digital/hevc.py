# SPDX-License-Identifier: GPL-3.0-or-later
"""HEVC intra pictures by x265, through PyAV, in 4:2:0 as cameras and phones do."""

from fractions import Fraction

import numpy as np

from percast.engines.codecs.contract import Picture
from percast.engines.codecs.digital.sources import (
    QP_SLOPE,
    checked,
    even,
    finest_within,
    most_pixels,
    usual_quantiser,
)
from percast.engines.pictures import BadPicture
from percast.errors import UsageError

_FINEST, _COARSEST = 1, 51  # quantiser parameters
_USUAL = 37  # at 0.23 bits a pixel
# swscale's flags by number: not every PyAV has names for them. By default it takes the colour of
# the nearest of four pixels, which costs 1 dB of PSNR at high rates.
_BICUBIC, _FULL_CHROMA, _ACCURATE = 0x4, 0x2000, 0x40000
_TO_420, _FROM_420 = _BICUBIC | _ACCURATE, _BICUBIC | _FULL_CHROMA | _ACCURATE
# x265 makes single pictures finer than asked, by 6 log2(1.4), as if others were to refer to them.
_PARAMETERS = "keyint=1:ipratio=1:info=0:log-level=none:pools=1:frame-threads=1"


class Hevc:
    """See `percast.engines.codecs.digital.sources.Source`.

    Raises:
        UsageError: PyAV is missing, or was built without x265.
    """

    name = "hevc"

    def __init__(self):
        try:
            import av
        except ImportError as error:
            raise UsageError("HEVC needs PyAV: pip install 'percast[digital]'") from error
        if "libx265" not in av.codecs_available:
            raise UsageError("this PyAV was built without x265: pip install --force-reinstall av")
        self._av = av

    def encode_within(self, rgb: Picture, size: int) -> bytes | None:
        whole = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(even(rgb)), format="rgb24")
        frame = whole.reformat(format="yuv420p", interpolation=_TO_420)

        def encode(quantiser: int) -> bytes:
            return self._encode(frame, quantiser)

        start = usual_quantiser(rgb, size, _USUAL)
        return finest_within(encode, _FINEST, _COARSEST, size, QP_SLOPE, start)

    def _encode(self, frame, quantiser: int) -> bytes:
        encoder = self._av.CodecContext.create("libx265", "w")
        encoder.height, encoder.width = frame.height, frame.width
        encoder.pix_fmt = "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, 25), 25
        encoder.options = {"preset": "slow", "x265-params": f"qp={quantiser}:{_PARAMETERS}"}
        packets = [*encoder.encode(frame), *encoder.encode(None)]
        return b"".join(bytes(packet) for packet in packets)

    def decode(self, data: bytes, height: int, width: int) -> Picture:
        # It is told to refuse what it could only guess at, and pictures larger than ours.
        options = {"err_detect": "explode", "max_pixels": str(most_pixels(height, width))}
        decoder = self._av.CodecContext.create("hevc", "r")
        decoder.options = options
        decoder.thread_count = 1
        try:
            frames = decoder.decode(self._av.Packet(data)) or decoder.decode(None)
        except (self._av.FFmpegError, ValueError) as error:
            raise BadPicture(f"no HEVC picture: {error}") from error
        if not frames or frames[0].format.name != "yuv420p":
            raise BadPicture("no HEVC picture of 4:2:0")
        if (frames[0].height, frames[0].width) != (height + height % 2, width + width % 2):
            raise BadPicture(f"a picture of {frames[0].width}x{frames[0].height}")
        shown = frames[0].reformat(format="rgb24", interpolation=_FROM_420)
        return checked(shown.to_ndarray(), height, width)
