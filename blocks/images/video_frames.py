# SPDX-License-Identifier: GPL-3.0-or-later
"""What video files and cameras share: PyAV, and its frames as RGB, as a player shows them."""

import struct
from fractions import Fraction
from types import ModuleType

import numpy as np
from PIL import Image

from percast.engines.pictures import Size, over_white
from percast.engines.pictures.orientation import from_display_matrix, upright_array
from percast.errors import UsageError

# YCbCr that does not say which it is: from these sizes on HD's matrix, as mpv and VLC have it.
HD_WIDTH, HD_HEIGHT = 1280, 577
MAX_PIXEL_ASPECT = 10  # beyond it, or below its inverse, a pixel's aspect ratio is damage
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED


def import_av() -> ModuleType:
    """PyAV, imported only when a video or a camera is asked for.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import av
        import av.video.reformatter
    except ImportError as error:
        raise UsageError(
            "video: and camera: sources need PyAV: pip install 'percast[video]'"
        ) from error
    return av


def shown_size(width: int, height: int, pixel_aspect: Fraction | None) -> Size:
    """(width, height) in square pixels; the side that is stored too short is lengthened.

    Args:
        pixel_aspect: width of a stored pixel over its height; None where it is not known.
    """
    if not pixel_aspect or not 1 / MAX_PIXEL_ASPECT <= pixel_aspect <= MAX_PIXEL_ASPECT:
        return width, height
    if pixel_aspect > 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def matrix_where_unsaid(width: int, height: int) -> str:
    """Name of the YCbCr matrix of a video that does not say it."""
    return "ITU709" if width >= HD_WIDTH or height >= HD_HEIGHT else "ITU601"


class FrameConverter:
    """Turns PyAV's frames into RGB; keeps swscale's tables between frames."""

    def __init__(self):
        self._av = import_av()
        self._reformatter = self._av.video.reformatter.VideoReformatter()

    def __call__(self, frame, pixel_aspect: Fraction | None = None) -> np.ndarray:
        """`frame` (av.VideoFrame) upright, in square pixels, as uint8 [H, W, 3].

        Args:
            pixel_aspect: see `shown_size`.
        """
        width, height = shown_size(frame.width, frame.height, pixel_aspect)
        stretched = (width, height) != (frame.width, frame.height)
        unsaid = frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb
        seen_through = any(component.is_alpha for component in frame.format.components)
        converted = self._reformatter.reformat(
            frame,
            width,
            height,
            format="rgba" if seen_through else "rgb24",
            src_colorspace=matrix_where_unsaid(frame.width, frame.height) if unsaid else None,
            # Without the range, full-range frames (many cameras') would be taken for studio range.
            src_color_range=frame.color_range,
            interpolation="BICUBIC" if stretched else None,
        ).to_ndarray()
        if seen_through:
            converted = np.asarray(over_white(Image.fromarray(converted)))
        return np.ascontiguousarray(upright_array(converted, _orientation(frame)))


def _orientation(frame) -> int:
    """EXIF's number; PyAV's own `rotation` knows no mirrors."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None or len(bytes(matrix)) < 36:
        return 1
    return from_display_matrix(struct.unpack("=9i", bytes(matrix)[:36]))
