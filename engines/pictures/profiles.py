# SPDX-License-Identifier: GPL-3.0-or-later
"""ICC profiles made of what PNG says in numbers: primaries and a transfer curve.

Sources: ICC.1:2022 (matrix/TRC and grey profiles), PNG third edition (gAMA, cHRM, cICP),
ITU-T H.273 tables 2 and 3 (the numbers in cICP).
"""

import struct
from dataclasses import dataclass

import numpy as np

XY = tuple[float, float]

_D50 = np.array([0.9642, 1.0, 0.8249])  # XYZ of ICC's connection space
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D65 = (0.3127, 0.3290)
# Within 5% of 1/2.2 writers mean sRGB's curve, as libpng takes it.
_SRGB_GAMMA, _SRGB_TOLERANCE = 1 / 2.2, 0.05
_GAMMAS = (0.1, 10.0)  # beyond lies damage


@dataclass(frozen=True)
class Primaries:
    """CIE xy of red, green, blue and white."""

    red: XY
    green: XY
    blue: XY
    white: XY = _D65


SRGB = Primaries((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_SMPTE_C = Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
_CICP_PRIMARIES = {
    1: SRGB,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: _SMPTE_C,
    7: _SMPTE_C,
    9: Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
# Exponents to linear light; None is sRGB's curve, by which players show BT.709's, too.
_CICP_TRANSFERS = {1: None, 4: 2.2, 5: 2.8, 6: None, 8: 1.0, 13: None, 14: None, 15: None}


def from_cicp(chunk: bytes) -> bytes | None:
    """The profile that a cICP chunk names; None for HDR curves and all but full-range RGB."""
    if len(chunk) != 4:
        return None
    primaries, transfer, matrix, full_range = chunk
    if primaries not in _CICP_PRIMARIES or transfer not in _CICP_TRANSFERS:
        return None
    if matrix != 0 or full_range != 1:
        return None
    return _rgb_profile(_CICP_PRIMARIES[primaries], _CICP_TRANSFERS[transfer])


def from_gamma(gamma: bytes | None, chromaticities: bytes | None, grey: bool) -> bytes | None:
    """The profile that PNG's gAMA and cHRM chunks describe, either of which may be None.

    Args:
        grey: for a grey picture, where only gAMA counts.

    Returns:
        None where neither says anything usable.
    """
    encoding = _number(gamma)
    if encoding is not None and not _GAMMAS[0] <= encoding <= _GAMMAS[1]:
        encoding = None
    exponent = None
    if encoding is not None and abs(encoding / _SRGB_GAMMA - 1) > _SRGB_TOLERANCE:
        exponent = 1 / encoding
    if grey:
        return _grey_profile(exponent) if exponent is not None else None
    primaries = _primaries(chromaticities)
    if exponent is None and primaries is None:
        return None
    return _rgb_profile(primaries or SRGB, exponent)


def _number(chunk: bytes | None) -> float | None:
    return struct.unpack(">I", chunk)[0] / 1e5 if chunk is not None and len(chunk) == 4 else None


def _primaries(chunk: bytes | None) -> Primaries | None:
    if chunk is None or len(chunk) != 32:
        return None
    white, red, green, blue = np.array(struct.unpack(">8I", chunk)).reshape(4, 2) / 1e5
    if min(white[1], red[1], green[1], blue[1]) < 1e-4:
        # An imaginary blue on the axis is legal (ACES); it only must not be divided by.
        red, green, blue = (np.maximum(xy, 1e-4) for xy in (red, green, blue))
        if white[1] < 1e-4:
            return None
    found = Primaries(tuple(red), tuple(green), tuple(blue), tuple(white))
    matrix = _unscaled(found)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-6:
        return None
    # White must be a mixture of the three.
    return found if (np.linalg.solve(matrix, _xyz(found.white)) > 0).all() else None


def _xyz(xy: XY) -> np.ndarray:
    x, y = xy
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _unscaled(primaries: Primaries) -> np.ndarray:
    return np.stack([_xyz(xy) for xy in (primaries.red, primaries.green, primaries.blue)], axis=1)


def _to_d50(primaries: Primaries) -> np.ndarray:
    """The matrix from linear RGB to XYZ under D50, [3, 3]."""
    matrix, white = _unscaled(primaries), _xyz(primaries.white)
    matrix = matrix * np.linalg.solve(matrix, white)
    gain = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.linalg.inv(_BRADFORD) @ np.diag(gain) @ _BRADFORD @ matrix


def _rgb_profile(primaries: Primaries, exponent: float | None) -> bytes:
    red, green, blue = _to_d50(primaries).T
    curve = _curve(exponent)
    return _profile(
        b"RGB ",
        [
            (b"rXYZ", _xyz_type(red)), (b"gXYZ", _xyz_type(green)), (b"bXYZ", _xyz_type(blue)),
            (b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve),
        ],
    )  # fmt: skip


def _grey_profile(exponent: float | None) -> bytes:
    return _profile(b"GRAY", [(b"kTRC", _curve(exponent))])


def _curve(exponent: float | None) -> bytes:
    """A parametric curve: x**exponent, or sRGB's for None."""
    if exponent is not None:
        return b"para\0\0\0\0" + struct.pack(">HH", 0, 0) + _fixed(exponent)
    parameters = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + _fixed(*parameters)


def _xyz_type(xyz: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*xyz)


def _fixed(*values: float) -> bytes:
    """s15Fixed16 numbers."""
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _profile(space: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    tags = [(b"wtpt", _xyz_type(_D50)), *tags]
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags:
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data
    header = struct.pack(
        ">I4sI4s4s4s", 128 + len(table) + len(body), b"", 0x04200000, b"mntr", space, b"XYZ "
    )
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(*_D50)
    return header.ljust(128, b"\0") + table + body
