# SPDX-License-Identifier: GPL-3.0-or-later
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from percast.engines.pictures import BadPicture, decode_picture


def anything(width, height):
    """Accepts every size."""


def refuse_large(width, height):
    if width * height > 10**6:
        raise BadPicture("large")


def decode(path, size=None):
    return decode_picture(path, anything, size)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm"])
def test_a_lossless_file_keeps_its_pixels(tmp_path, make_rgb, suffix):
    rgb = make_rgb(90, 70)
    Image.fromarray(rgb).save(tmp_path / f"a.{suffix}")
    decoded = decode(tmp_path / f"a.{suffix}")
    assert decoded.dtype == np.uint8 and decoded.flags.c_contiguous
    np.testing.assert_array_equal(decoded, rgb)


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_a_lossy_file_keeps_its_colours(tmp_path, make_rgb, suffix):
    rgb = make_rgb(90, 70)
    Image.fromarray(rgb).save(tmp_path / f"a.{suffix}", quality=95)
    assert np.abs(decode(tmp_path / f"a.{suffix}").astype(int) - rgb).mean() < 2


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "YCbCr", "LA", "RGBA"])
@pytest.mark.parametrize("size", [None, (64, 64)])
def test_every_colour_mode_becomes_rgb(tmp_path, make_rgb, mode, size):
    image = Image.fromarray(make_rgb(640, 640)).convert(mode)
    path = tmp_path / {"YCbCr": "a.jpg", "CMYK": "a.tif"}.get(mode, "a.png")
    image.save(path)
    decoded = decode(path, size)
    expected = np.asarray(image.convert("RGB").resize(size or image.size, Image.Resampling.BOX))
    assert decoded.shape == expected.shape
    assert np.abs(decoded.astype(int) - expected).mean() < 6


def test_a_cmyk_jpeg_becomes_rgb(tmp_path, make_rgb):
    rgb = make_rgb(96, 96)
    Image.fromarray(rgb).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(decode(tmp_path / "a.jpg").astype(int) - rgb).mean() < 3


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path, suffix, order):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    path = tmp_path / f"a.{suffix}"
    image = Image.fromarray(values)
    if order == ">" and suffix == "tif":
        image = Image.frombytes("I;16B", (256, 256), values.astype(">u2").tobytes())
    image.save(path)
    decoded = decode(path)
    for channel in range(3):
        np.testing.assert_array_equal(decoded[..., channel], np.round(values / 257))


def test_16_bit_pgm_is_scaled_and_not_clipped(tmp_path):
    values = np.arange(65536, dtype=">u2")
    (tmp_path / "a.ppm").write_bytes(b"P5 256 256 65535\n" + values.tobytes())
    decoded = decode(tmp_path / "a.ppm")
    np.testing.assert_array_equal(decoded[..., 0].ravel(), np.round(values / 257))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_white(tmp_path, mode):
    image = Image.new("RGBA", (96, 96), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (48, 0, 96, 96))
    if mode == "P":
        image.quantize(4).save(tmp_path / "a.png")
    else:
        image.convert(mode).save(tmp_path / "a.png")
    for size in (None, (96, 64)):
        decoded = decode(tmp_path / "a.png", size)
        assert decoded[:, :40].max() == 0 and decoded[:, 56:].min() == 255


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_exif_rotated_picture_stands_upright(tmp_path, make_rgb, suffix, orientation):
    upright = make_rgb(192, 128)
    stored = {  # how the camera stored it, by EXIF's definition of the tag
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, quality=95)
    decoded = decode(path)
    assert decoded.shape == upright.shape
    assert np.abs(decoded.astype(int) - upright).mean() < 4
    fitted = decode(path, (96, 64))
    assert np.abs(fitted.astype(int) - upright[::2, ::2]).mean() < 4


def test_floating_point_and_32_bit_samples_are_refused(tmp_path):
    Image.fromarray(np.ones((96, 96), np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(np.full((96, 96), 2**20, np.int32)).save(tmp_path / "int.tif")
    for name in ("float.tif", "int.tif"):
        with pytest.raises(BadPicture, match="8-bit RGB"):
            decode(tmp_path / name)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif", "ppm"])
def test_a_truncated_file_is_a_bad_picture(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadPicture) as caught:
        decode(path)
    assert "\n" not in str(caught.value)


def test_whatever_bytes_are_damaged_nothing_but_a_bad_picture_is_raised(tmp_path, make_rgb):
    random = np.random.default_rng(1)
    bad = 0
    for suffix in "png jpg webp bmp tif ppm gif avif jp2 qoi ico sgi pcx tga".split():
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(make_rgb(64, 64)).save(path)
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(60):
            damaged = whole.copy()
            where = random.integers(0, min(len(whole), 200), 4)
            damaged[where] = random.integers(0, 256, 4)
            path.write_bytes(damaged.tobytes())
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # some damage is merely warned about
                    decode_picture(path, refuse_large)
            except BadPicture:
                bad += 1
    assert bad > 50


def test_the_size_is_judged_before_a_pixel_is_decoded(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (300, 200)).save(path)
    path.write_bytes(path.read_bytes()[:60])  # no pixels to decode

    def refuse(width, height):
        raise BadPicture(f"no {width}x{height}")

    with pytest.raises(BadPicture, match="no 300x200"):
        decode_picture(path, refuse)


MEASURE = """
import resource, sys, warnings
from pathlib import Path
warnings.simplefilter("error")
from percast.engines.pictures import decode_picture
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rgb = decode_picture(Path(sys.argv[1]), lambda w, h: None, (256, 256))
print(rgb.shape, rgb.mean(), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1000)
"""


@pytest.mark.parametrize(("name", "mode", "megabytes"), [("a.png", "P", 600), ("a.jpg", "L", 100)])
def test_a_100_megapixel_picture_is_read_without_warning_and_gigabytes(
    tmp_path, name, mode, megabytes
):
    Image.new(mode, (10000, 10000), 255).save(tmp_path / name)
    result = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path / name], capture_output=True, text=True, check=True
    )
    assert result.stderr == ""
    assert result.stdout.startswith("(256, 256, 3)")
    assert int(result.stdout.split()[-1]) < megabytes


def test_a_picture_beyond_pils_own_limit_is_too_large_and_not_damaged(tmp_path):
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P6 20000 20000 255\n")
    with pytest.raises(BadPicture, match="^too large: more than 120 megapixels"):
        decode(path)
