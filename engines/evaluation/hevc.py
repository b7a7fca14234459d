# SPDX-License-Identifier: GPL-3.0-or-later
"""HEVC intra pictures within a budget of bits: the engineered codec to compare with.

Uses x265 through PyAV (`pip install 'percast[video]'`), in 4:2:0 as cameras and phones do.
"""

from fractions import Fraction

import numpy as np

from percast.errors import UsageError

_COARSEST, _FINEST = 51, 4  # quantiser parameters


def encode_within(rgb: np.ndarray, budget: int) -> tuple[np.ndarray, int] | None:
    """The best HEVC intra picture of at most `budget` bits.

    Args:
        rgb: uint8 [H, W, 3], sides even.
        budget: bits, headers included.

    Returns:
        The decoded picture (uint8 [H, W, 3]) and its bits, or None when even the coarsest
        quantiser needs more.

    Raises:
        UsageError: PyAV is missing, or was built without x265.
    """
    low, high = _FINEST, _COARSEST
    best = _encode(rgb, high)
    if _bits(best) > budget:
        return None
    while low < high:
        middle = (low + high) // 2
        packets = _encode(rgb, middle)
        if _bits(packets) <= budget:
            best, high = packets, middle
        else:
            low = middle + 1
    return _decode(best), _bits(best)


def _bits(packets: list) -> int:
    return 8 * sum(p.size for p in packets)


def _av():
    try:
        import av
    except ImportError as error:
        raise UsageError("HEVC needs PyAV: pip install 'percast[video]'") from error
    if "libx265" not in av.codecs_available:
        raise UsageError("this PyAV was built without x265: pip install --force-reinstall av")
    return av


def _encode(rgb: np.ndarray, quantiser: int) -> list:
    av = _av()
    encoder = av.CodecContext.create("libx265", "w")
    encoder.height, encoder.width = rgb.shape[:2]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), 25
    parameters = f"qp={quantiser}:keyint=1:info=0:log-level=none:pools=1:frame-threads=1"
    encoder.options = {"preset": "slow", "x265-params": parameters}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    return [*encoder.encode(frame), *encoder.encode(None)]


def _decode(packets: list) -> np.ndarray:
    decoder = _av().CodecContext.create("hevc", "r")
    frames = [f for p in packets for f in decoder.decode(p)] + list(decoder.decode(None))
    return frames[0].to_ndarray(format="rgb24")
