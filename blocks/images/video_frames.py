# SPDX-License-Identifier: GPL-3.0-or-later
"""What video files and cameras share: PyAV, and its frames as RGB."""

from types import ModuleType

import numpy as np

from percast.errors import UsageError


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


class FrameConverter:
    """Turns PyAV's frames into RGB; keeps swscale's tables between frames."""

    def __init__(self):
        self._reformatter = import_av().video.reformatter.VideoReformatter()

    def __call__(self, frame) -> np.ndarray:
        """`frame` (av.VideoFrame) upright, as uint8 [H, W, 3]."""
        # Without the range, full-range frames (many cameras') would be taken for studio range.
        rgb = self._reformatter.reformat(
            frame, format="rgb24", src_color_range=frame.color_range
        ).to_ndarray()
        quarter_turns = round(frame.rotation / 90)
        return np.ascontiguousarray(np.rot90(rgb, quarter_turns))
