# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever profile a picture carries, its colours arrive as sRGB."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from percast.engines.pictures import decode_picture
from tests.engines.pictures.files import chunk, encoded, png, segment, with_segments

# Primaries as CIE xy of red, green, blue, and the exponent to linear light.
SPACES = {
    "Adobe RGB": ([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)], 2.19921875),
    "Display P3, but for its curve": ([(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)], 2.2),
    "ProPhoto, but for its white": ([(0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)], 1.8),
    "sRGB's, linear": ([(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)], 1.0),
    "red, green and blue in another order": ([(0.21, 0.71), (0.15, 0.06), (0.64, 0.33)], 2.2),
}
D65 = (0.3127, 0.3290)
DISPLAY_P3 = [(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)]


def decode(data: bytes) -> np.ndarray:
    return decode_picture(io.BytesIO(data))


def to_xyz(primaries, white=D65) -> np.ndarray:
    """Linear RGB to XYZ, [3, 3]."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (*primaries, white)]).T
    return columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])


SRGB_TO_XYZ = to_xyz([(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)])


def linear(levels: np.ndarray) -> np.ndarray:
    v = levels / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def srgb_curve(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def as_stored(srgb: np.ndarray, primaries, exponent: float) -> np.ndarray:
    """sRGB colours as levels of another space, by the equations, not by LittleCMS."""
    light = linear(srgb) @ (np.linalg.inv(to_xyz(primaries)) @ SRGB_TO_XYZ).T
    return np.rint(255 * np.clip(light, 0, 1) ** (1 / exponent)).astype(np.uint8)


def icc(primaries, exponent: float) -> bytes:
    """A version 2 matrix profile."""
    bradford = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    d50, white = np.array([0.9642, 1, 0.8249]), to_xyz(primaries).sum(1)
    adapt = np.linalg.inv(bradford) @ np.diag(bradford @ d50 / (bradford @ white)) @ bradford
    columns = (adapt @ to_xyz(primaries)).T
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(exponent * 256), 0)
    tags = [(name, xyz_tag(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns)]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return profile(b"mntr", b"RGB ", b"XYZ ", tags)


def xyz_tag(xyz: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in xyz)


def profile(kind: bytes, space: bytes, connection: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    tags = [(b"wtpt", xyz_tag(np.array([0.9642, 1, 0.8249]))), *tags]
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags:
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data
    head = struct.pack(">I4sI", 128 + len(table) + len(body), b"test", 0x02400000)
    head += kind + space + connection + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp"
    return (
        (head + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)).ljust(128, b"\0")
        + table
        + body
    )


def grey_icc(exponent: float) -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(exponent * 256), 0)
    return profile(b"mntr", b"GRAY", b"XYZ ", [(b"kTRC", curve)])


def ink_icc() -> bytes:
    """CMYK in which every ink is grey: each takes a quarter of L* away."""
    identity = bytes(range(256))
    corners = np.array(list(np.ndindex(2, 2, 2, 2)))
    lab = np.stack([255 - corners.sum(1) * 255 // 4, *[np.full(16, 128)] * 2], axis=1)
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table += identity * 4 + lab.astype(np.uint8).tobytes() + identity * 3
    return profile(b"prtr", b"CMYK", b"Lab ", [(b"A2B0", table), (b"A2B1", table)])


def photo(make_rgb) -> np.ndarray:
    """Colours well inside sRGB, so that every space can hold them."""
    return (make_rgb(96, 64) * 0.6 + 60).astype(np.uint8)


LOSSLESS = {
    "PNG": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {"lossless": True, "exact": True},
}
LOSSY = {
    "JPEG": {"quality": 98, "subsampling": 0},
    "MPO": {"quality": 98, "subsampling": 0},
    "AVIF": {"quality": 98, "subsampling": "4:4:4"},
}


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kind", [*LOSSLESS, *LOSSY])
@pytest.mark.parametrize("size", [None, (48, 32)])
def test_colours_of_a_profile_arrive_as_srgb(make_rgb, space, kind, size):
    rgb = photo(make_rgb)
    stored = Image.fromarray(as_stored(rgb, *SPACES[space]))
    options = (LOSSLESS | LOSSY)[kind]
    data = encoded(stored, kind, icc_profile=icc(*SPACES[space]), **options)
    shown = decode_picture(io.BytesIO(data), size=size)
    expected = np.asarray(Image.fromarray(rgb).resize(size or (96, 64), Image.Resampling.LANCZOS))
    off = np.abs(shown.astype(int) - expected)
    assert off.mean() < (1 if kind in LOSSLESS else 3)
    assert np.abs(np.asarray(stored).astype(int) - rgb).mean() > 3  # it was another picture


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (1, 3)])
def test_a_profile_in_several_segments_is_put_together_by_number(make_rgb, order):
    rgb, whole = photo(make_rgb), icc(*SPACES["Adobe RGB"])
    parts = {1: whole[:100], 2: whole[100:111], 3: whole[111:]}
    segments = b"".join(
        segment(0xE2, b"ICC_PROFILE\0" + bytes([number, 3]) + parts[number]) for number in order
    )
    stored = as_stored(rgb, *SPACES["Adobe RGB"])
    data = encoded(Image.fromarray(stored), "JPEG", quality=98, subsampling=0)
    expected = rgb if 2 in order else stored  # with a part missing there is no profile
    assert np.abs(decode(with_segments(data, segments)).astype(int) - expected).mean() < 3


def test_transparency_is_kept_and_the_colours_beside_it_converted(make_rgb):
    rgb = photo(make_rgb)
    stored = Image.fromarray(as_stored(rgb, *SPACES["Adobe RGB"]))
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[:, 48:] = 0
    stored.putalpha(Image.fromarray(alpha))
    shown = decode(encoded(stored, "PNG", icc_profile=icc(*SPACES["Adobe RGB"])))
    assert (shown[:, 48:] == 255).all()
    assert np.abs(shown[:, :48].astype(int) - rgb[:, :48]).max() <= 3


def test_a_palette_is_converted(make_rgb):
    colours = np.array([[200, 40, 40], [40, 180, 40], [40, 40, 200], [220, 220, 220]], np.uint8)
    space = SPACES["Adobe RGB"]
    image = Image.fromarray(np.repeat(np.arange(4, dtype=np.uint8), 1024).reshape(64, 64))
    image.putpalette(as_stored(colours, *space).tobytes())
    shown = decode(encoded(image, "PNG", icc_profile=icc(*space)))
    np.testing.assert_allclose(shown[::16, 0], colours, atol=3)


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_is_converted_by_a_grey_profile(mode, kind):
    levels = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    image = Image.fromarray(levels.astype(np.uint16) * 257 if mode == "I;16" else levels)
    image = image.convert("LA") if mode == "LA" else image
    shown = decode(encoded(image, kind, icc_profile=grey_icc(1.0)))
    expected = srgb_curve(np.arange(256) / 255)
    np.testing.assert_allclose(shown[0], np.repeat(expected[:, None], 3, axis=1), atol=0.51)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_converted_by_its_profile(kind):
    inks = np.zeros((64, 64, 4), np.uint8)
    inks[:, 32:, 1] = 255  # all of one ink, which the profile calls a grey of L* = 75
    options = {"quality": 100} if kind == "JPEG" else {}
    shown = decode(encoded(Image.fromarray(inks, "CMYK"), kind, icc_profile=ink_icc(), **options))
    # Black point compensation stretches L* of 0 (all inks) to sRGB's, which is 0 as well.
    assert (shown[:, :28] >= 253).all()
    np.testing.assert_allclose(shown[:, 36:], 185, atol=4)  # sRGB of L* = 75


def test_lab_is_read(make_rgb):
    rgb = photo(make_rgb)
    lab = ImageCms.profileToProfile(
        Image.fromarray(rgb),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    assert np.abs(decode(encoded(lab, "TIFF")).astype(int) - rgb).mean() < 2


def broken_profiles() -> dict[str, bytes]:
    whole = icc(*SPACES["Adobe RGB"])
    random = np.random.default_rng(7)
    return {
        "text": b"not a profile at all" * 10,
        "a byte": b"\0",
        "its header": whole[:128],
        "all but its end": whole[:-40],
        "noise": random.bytes(500),
        "a header and noise": whole[:132] + random.bytes(len(whole) - 132),
        "a signature gone": whole.replace(b"acsp", b"xxxx"),
        "no curves": whole.replace(b"TRC", b"xyz"),
        "of grey": grey_icc(1.0),
        "of CMYK": ink_icc(),
        "of Lab": ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
        "a link between devices": whole.replace(b"mntr", b"link"),
    }


@pytest.mark.parametrize("what", broken_profiles())
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_profile_that_is_broken_or_of_other_colours_is_ignored(make_rgb, what, kind):
    image = Image.fromarray(photo(make_rgb))
    plain = decode(encoded(image, kind))
    shown = decode(encoded(image, kind, icc_profile=broken_profiles()[what]))
    np.testing.assert_array_equal(shown, plain)


def test_a_profile_of_rgb_is_ignored_for_grey():
    image = Image.linear_gradient("L")
    shown = decode(encoded(image, "JPEG", icc_profile=icc(*SPACES["sRGB's, linear"])))
    np.testing.assert_array_equal(shown, decode(encoded(image, "JPEG")))


def test_srgbs_own_profile_changes_no_pixel(make_rgb):
    rgb = make_rgb(96, 64)
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(
        decode(encoded(Image.fromarray(rgb), "PNG", icc_profile=own)), rgb
    )


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 1e5)))


def primaries(xy, white=D65) -> bytes:
    return chunk(
        b"cHRM", struct.pack(">8I", *(round(v * 1e5) for pair in (white, *xy) for v in pair))
    )


def profile_chunk(data: bytes) -> bytes:
    return chunk(b"iCCP", b"p\0\0" + zlib.compress(data))


SRGB_XY = [(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)]
P3_LINEAR = gamma(1.0) + primaries(DISPLAY_P3)


@pytest.mark.parametrize(
    ("chunks", "space"),
    [
        (P3_LINEAR, (DISPLAY_P3, 1.0)),
        (gamma(1 / 1.8), (SRGB_XY, 1.8)),
        (chunk(b"cICP", bytes([12, 8, 0, 1])), (DISPLAY_P3, 1.0)),
        (chunk(b"cICP", bytes([12, 4, 0, 1])) + P3_LINEAR, (DISPLAY_P3, 2.2)),
        (chunk(b"cICP", bytes([12, 16, 0, 1])) + P3_LINEAR, (DISPLAY_P3, 1.0)),  # PQ: passed over
        (profile_chunk(icc(DISPLAY_P3, 1.8)) + P3_LINEAR, (DISPLAY_P3, 1.8)),
        (profile_chunk(b"broken") + P3_LINEAR, (DISPLAY_P3, 1.0)),
    ],
)
def test_a_pngs_own_chunks_tell_its_colours(make_rgb, chunks, space):
    rgb = photo(make_rgb)
    shown = decode(png(as_stored(rgb, *space), 8, 2, chunks))
    assert np.abs(shown.astype(int) - rgb).mean() < 1.5


def test_cicp_of_display_p3_with_srgbs_curve(make_rgb):
    rgb = photo(make_rgb)
    light = linear(rgb) @ (np.linalg.inv(to_xyz(DISPLAY_P3)) @ SRGB_TO_XYZ).T
    stored = np.rint(srgb_curve(light)).astype(np.uint8)
    shown = decode(png(stored, 8, 2, chunk(b"cICP", bytes([12, 13, 0, 1]))))
    assert np.abs(shown.astype(int) - rgb).max() <= 2


@pytest.mark.parametrize(
    "chunks",
    [
        gamma(0.45455),  # what writers of sRGB put beside it
        gamma(0.45455) + primaries(SRGB_XY),
        chunk(b"sRGB", b"\0") + P3_LINEAR,
        gamma(0),
        primaries([(0, 0)] * 3, (0, 0)),
        primaries([(0.3, 0.3)] * 3),
        chunk(b"cICP", bytes([1, 1, 0, 1])),
        chunk(b"cICP", bytes([12, 8, 0, 0])),
        chunk(b"cICP", bytes([12, 8, 9, 1])),
        chunk(b"cICP", bytes([250, 8, 0, 1])),
    ],
)
def test_chunks_that_say_srgb_or_nothing_change_no_pixel(make_rgb, chunks):
    rgb = make_rgb(96, 64)
    np.testing.assert_array_equal(decode(png(rgb, 8, 2, chunks)), rgb)


def test_grey_of_a_stated_gamma_is_converted():
    levels = np.tile(np.arange(256), (64, 1))
    shown = decode(png(levels, 8, 0, gamma(1.0)))
    np.testing.assert_allclose(shown[0, :, 0], srgb_curve(np.arange(256) / 255), atol=0.51)


def with_profile_box(jp2: bytes, profile: bytes) -> bytes:
    """A JPEG 2000 file whose colours are told by `profile` instead of a number."""
    header, old = jp2.index(b"jp2h") - 4, jp2.index(b"colr") - 4
    (header_length,), (old_length,) = (
        struct.unpack_from(">I", jp2, place) for place in (header, old)
    )
    new = struct.pack(">I4s3B", 11 + len(profile), b"colr", 2, 0, 0) + profile
    length = struct.pack(">I", header_length - old_length + len(new))
    return jp2[:header] + length + jp2[header + 4 : old] + new + jp2[old + old_length :]


@pytest.mark.parametrize("space", SPACES)
def test_a_profile_of_jpeg_2000_is_looked_for_as_pillow_does_not(make_rgb, space):
    srgb = make_rgb(96, 64) // 4 + 100
    stored = as_stored(srgb, *SPACES[space])
    plain = encoded(Image.fromarray(stored), "JPEG2000")
    shown = decode(with_profile_box(plain, icc(*SPACES[space])))
    assert np.abs(shown.astype(int) - srgb).max() <= 4
    broken = with_profile_box(plain, icc(*SPACES[space])[:90])
    np.testing.assert_array_equal(decode(broken), stored)
    np.testing.assert_array_equal(decode(plain), stored)


@pytest.mark.parametrize("again", [None, (1, 13), (12, 13)])
def test_primaries_that_an_avif_names_by_number_are_converted_unless_it_names_two(make_rgb, again):
    srgb = make_rgb(96, 64) // 2 + 60
    light = linear(srgb) @ (np.linalg.inv(to_xyz(DISPLAY_P3)) @ SRGB_TO_XYZ).T
    stored = Image.fromarray(np.rint(srgb_curve(light)).astype(np.uint8))
    data = encoded(stored, "AVIF", quality=100, subsampling="4:4:4")
    place = data.index(b"colrnclx") + 8
    data = data[:place] + struct.pack(">2H", 12, 13) + data[place + 4 :]
    if again is not None:  # of another picture in the file, such as a gain map
        data += b"\0\0\0\x13colrnclx" + struct.pack(">3HB", *again, 6, 128)
    expected = np.asarray(stored) if again == (1, 13) else srgb
    assert np.abs(decode(data).astype(int) - expected).mean() < 1
    assert np.abs(np.asarray(stored).astype(int) - srgb).mean() > 2
