# SPDX-License-Identifier: GPL-3.0-or-later
"""VVC intra pictures by VVenC, in 4:2:0, through the ffmpeg that `imageio-ffmpeg` carries."""

import subprocess
from functools import lru_cache

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

_FINEST, _COARSEST = 8, 63  # quantiser parameters
_USUAL = 40  # at 0.23 bits a pixel
_PATIENCE_S = 600.0  # with a picture; seconds are usual
# By default it takes the colour of the nearest of four pixels.
_COLOUR = ("-vf", "scale=flags=bicubic+full_chroma_int+accurate_rnd")
_QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error")


class Vvc:
    """See `percast.engines.codecs.digital.sources.Source`.

    Raises:
        UsageError: imageio-ffmpeg is missing, or its ffmpeg has no VVenC.
    """

    name = "vvc"

    def __init__(self):
        self._ffmpeg = _ffmpeg()

    def encode_within(self, rgb: Picture, size: int) -> bytes | None:
        whole = np.ascontiguousarray(even(rgb))
        height, width = whole.shape[:2]
        given = (
            *_raw(width, height),
            "-i",
            "pipe:0",
            "-c:v",
            "libvvenc",
            "-pix_fmt",
            "yuv420p10le",
            *_COLOUR,
        )
        wanted = ("-preset", "fast", "-threads", "1", "-f", "vvc", "pipe:1")

        def encode(quantiser: int) -> bytes:
            return self._run(*given, "-qp", str(quantiser), *wanted, data=whole.tobytes())

        start = usual_quantiser(rgb, size, _USUAL)
        return finest_within(encode, _FINEST, _COARSEST, size, QP_SLOPE, start)

    def decode(self, data: bytes, height: int, width: int) -> Picture:
        rows, columns = height + height % 2, width + width % 2
        most = str(most_pixels(height, width))
        limits = ("-threads", "1", "-err_detect", "explode", "-max_pixels", most)
        wanted = (*_COLOUR, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
        try:
            raw = self._run(*limits, "-f", "vvc", "-i", "pipe:0", *wanted, data=data)
        except (subprocess.SubprocessError, OSError) as error:
            raise BadPicture("no VVC picture") from error
        if len(raw) != rows * columns * 3:
            raise BadPicture(f"no VVC picture of {width}x{height}")
        rgb = np.frombuffer(raw, np.uint8).reshape(rows, columns, 3)
        return checked(rgb, height, width)

    def _run(self, *arguments: str, data: bytes) -> bytes:
        """ffmpeg's output."""
        command = (self._ffmpeg, *_QUIET, *arguments)
        done = subprocess.run(
            command, input=data, capture_output=True, check=True, timeout=_PATIENCE_S
        )
        return done.stdout


def _raw(width: int, height: int) -> tuple[str, ...]:
    """The format of a picture that goes in."""
    size = f"{width}x{height}"
    return ("-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", size, "-framerate", "25")


@lru_cache(maxsize=1)
def _ffmpeg() -> str:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise UsageError("VVC needs: pip install 'percast[digital]'") from error
    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
        listed = subprocess.run(
            (program, "-hide_banner", "-encoders"), capture_output=True, text=True, check=True
        )
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise UsageError(f"imageio-ffmpeg has no ffmpeg that runs here: {error}") from error
    if "libvvenc" not in listed.stdout:
        raise UsageError(f"{program} was built without VVenC: pip install -U imageio-ffmpeg")
    return program
