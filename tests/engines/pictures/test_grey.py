# SPDX-License-Identifier: GPL-3.0-or-later
"""Grey of every depth and polarity, and levels that are transparent."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from percast.engines.pictures import BadPicture, decode_picture
from tests.engines.pictures.files import chunk, encoded, png, tiff

WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1


def decode(data: bytes) -> np.ndarray:
    return decode_picture(io.BytesIO(data))


def ramp(bits: int) -> np.ndarray:
    """Every level that 64x96 pixels can show, 0 to the highest."""
    return np.rint(np.linspace(0, (1 << bits) - 1, 64 * 96)).astype(np.int64).reshape(64, 96)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [False, True])
def test_grey_tiffs_of_every_depth_order_and_polarity(bits, photometric, order, packed):
    levels, most = ramp(bits), (1 << bits) - 1
    samples = levels if photometric == BLACK_IS_ZERO else most - levels
    shown = decode(tiff(samples, bits, photometric, order, packed))
    for channel in range(3):
        np.testing.assert_allclose(shown[..., channel], levels * 255 / most, atol=0.501)


def test_unsigned_samples_of_32_bits_are_scaled():
    levels = ramp(32)
    shown = decode(tiff(levels, 32, BLACK_IS_ZERO))
    np.testing.assert_allclose(shown[..., 0], levels / 16843009, atol=0.501)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_a_camera_that_states_its_highest_level_is_believed(bits):
    most = (1 << bits) - 1
    shown = decode(tiff(ramp(bits), 16, BLACK_IS_ZERO, more=((281, 3, most),)))
    np.testing.assert_allclose(shown[..., 0], ramp(bits) * 255 / most, atol=0.501)


def test_a_stated_highest_level_that_is_exceeded_is_not_believed():
    shown = decode(tiff(ramp(16), 16, BLACK_IS_ZERO, more=((281, 3, 4095),)))
    np.testing.assert_allclose(shown[..., 0], ramp(16) / 257, atol=0.501)


def test_signed_samples_are_refused_in_words():
    samples = (ramp(16) - 32768).astype("<i2").view("<u2")
    with pytest.raises(BadPicture, match="below zero"):
        decode(tiff(samples, 16, BLACK_IS_ZERO, more=((339, 3, 2),)))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("wanted", ["lowest", "middle", "highest"])
@pytest.mark.parametrize("size", [None, (64, 64)])
def test_the_transparent_level_of_a_grey_png_shows_white(depth, wanted, size):
    most = (1 << depth) - 1
    level = {"lowest": 0, "middle": most // 3, "highest": most}[wanted]
    other = most if level == 0 else 0
    samples = np.full((64, 64), other)
    samples[:, 32:] = level
    data = png(samples, depth, 0, chunk(b"tRNS", struct.pack(">H", level)))
    shown = decode_picture(io.BytesIO(data), size=size)
    assert (shown[:, 34:] == 255).all()
    assert (shown[:, :30] == other * 255 // most).all()


@pytest.mark.parametrize("depth", [8, 16])
def test_the_transparent_colour_of_an_rgb_png_shows_white(depth):
    scale = 1 if depth == 8 else 257
    samples = np.zeros((64, 64, 3), np.int64)
    samples[:] = np.array([10, 20, 30]) * scale
    samples[:, 32:] = np.array([10, 20, 31]) * scale
    tone = struct.pack(">3H", *(np.array([10, 20, 31]) * scale))
    shown = decode(png(samples, depth, 2, chunk(b"tRNS", tone)))
    assert (shown[:, 32:] == 255).all()
    assert (shown[:, :32] == [10, 20, 30]).all()


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour_type", [4, 6])
def test_half_transparent_pixels_are_halfway_to_white(depth, colour_type):
    scale = 1 if depth == 8 else 257
    colour = [100] if colour_type == 4 else [200, 100, 0]
    samples = np.tile(np.array([*colour, 128]) * scale, (64, 64, 1))
    shown = decode(png(samples, depth, colour_type))
    expected = (np.array(colour) * 128 + 255 * 127) / 255
    np.testing.assert_allclose(
        shown.reshape(-1, 3), np.broadcast_to(expected, (64 * 64, 3)), atol=1
    )


@pytest.mark.parametrize("extra", [1, 2])
def test_a_grey_tiff_with_alpha_shows_white_where_it_is_transparent(extra):
    data = encoded(
        Image.merge("LA", (Image.new("L", (96, 64), 60), Image.new("L", (96, 64), 0))), "TIFF"
    )
    # 1 says that the samples are already multiplied by their alpha.
    entry = data.index(struct.pack("<HHI", 338, 3, 1))
    data = data[: entry + 8] + struct.pack("<H", extra) + data[entry + 10 :]
    assert (decode(data) == 255).all()


@pytest.mark.parametrize(
    ("maximum", "kind"), [(1, b"P1"), (15, b"P2"), (255, b"P5"), (4095, b"P5")]
)
def test_portable_maps_of_every_depth(maximum, kind):
    levels = np.rint(np.linspace(0, maximum, 64 * 64)).astype(int).reshape(64, 64)
    if kind == b"P5":
        body = levels.astype(">u2" if maximum > 255 else "u1").tobytes()
    else:
        body = " ".join(map(str, (levels ^ 1 if kind == b"P1" else levels).ravel())).encode()
    header = b"" if kind == b"P1" else b"%d " % maximum
    shown = decode(kind + b" 64 64 " + header + body)
    np.testing.assert_allclose(shown[..., 0], levels * 255 / maximum, atol=0.51)
