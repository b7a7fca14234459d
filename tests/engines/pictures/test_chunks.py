# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies beside the pixels of a PNG or JPEG cannot refuse them; they themselves are checked."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from percast.engines.pictures import BadPicture, decode_picture
from tests.engines.pictures.files import PNG_MAGIC, chunk, encoded, png, segment, with_segments


def decode(data: bytes) -> np.ndarray:
    return decode_picture(io.BytesIO(data))


@pytest.mark.parametrize(
    "damaged",
    [
        chunk(b"tEXt", b"a\0bcd", checksum=0),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3_000_000))),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(30_000_000))),
        chunk(b"zTXt", b"Comment\0\0no zlib at all"),
        chunk(b"zTXt", b"Comment"),
        chunk(b"tEXt", b"Raw profile type exif\0no hexadecimal"),
        chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(30_000_000))),
        chunk(b"iCCP", b"name\0\7"),
        chunk(b"iCCP", b""),
        chunk(b"gAMA", b"\0"),
        chunk(b"cHRM", b"\0" * 32),
        chunk(b"cICP", b"\1"),
        chunk(b"pHYs", b"\0"),
        chunk(b"tRNS", b""),
        chunk(b"tRNS", bytes([30, 40, 50]), checksum=1),
        chunk(b"acTL", bytes(3)),
        chunk(b"fcTL", bytes(2)),
        chunk(b"eXIf", b"MM"),
        b"\xff\xff\xff\xfftEXt no end",
        struct.pack(">I", 100_000) + b"tEXt ends beyond the file",
        struct.pack(">I", 3) + b"zTXt is longer than it says",
        b"garbage",
    ],
)
@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_no_ancillary_chunk_refuses_a_png(make_rgb, damaged, place):
    rgb = make_rgb(96, 64)
    whole = png(rgb, 8, 2)
    pixels = whole[41:-16]
    parts = {
        "before": damaged + chunk(b"IDAT", pixels),
        "between": chunk(b"IDAT", pixels[:50]) + damaged + chunk(b"IDAT", pixels[50:]),
        "after": chunk(b"IDAT", pixels) + damaged,
    }
    data = whole[:33] + parts[place] + chunk(b"IEND", b"")
    np.testing.assert_array_equal(decode(data), rgb)


@pytest.mark.parametrize("data", [b"abcd", b"", bytes(3 * 257)])
@pytest.mark.parametrize("checksum", [None, 1])
def test_a_palette_that_is_only_suggested_refuses_no_png(make_rgb, data, checksum):
    rgb = make_rgb(32, 24)
    np.testing.assert_array_equal(decode(png(rgb, 8, 2, chunk(b"PLTE", data, checksum))), rgb)


def test_the_first_frame_of_an_animation_is_read(make_rgb):
    rgb = make_rgb(96, 64)
    black = Image.new("RGB", (96, 64))
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("GIF", {})):
        data = encoded(
            Image.fromarray(rgb),
            kind,
            save_all=True,
            append_images=[black],
            duration=100,
            **options,
        )
        limit = 8 if kind == "GIF" else 0
        assert np.abs(decode(data).astype(int) - rgb).mean() <= limit, kind


ANCILLARY = [
    b"tEXt",
    b"zTXt",
    b"iTXt",
    b"pHYs",
    b"tIME",
    b"bKGD",
    b"sBIT",
    b"hIST",
    b"acTL",
    b"xyZq",
]


def odd_chunk(random: np.random.Generator) -> bytes:
    """An ancillary chunk of a random kind, in random ways damaged."""
    kind = ANCILLARY[random.integers(len(ANCILLARY))]
    data = random.bytes(random.integers(0, 60))
    if random.random() < 0.3:
        data = b"Comment\0\0" + zlib.compress(bytes(int(random.integers(1, 2_000_000))), 1)
    made = bytearray(chunk(kind, data))
    what = random.integers(5)
    if what == 0:  # its checksum
        made[-random.integers(1, 5)] ^= 1 << random.integers(8)
    elif what == 1:  # its data
        made[8 + random.integers(len(made) - 8)] ^= 1 << random.integers(8)
    elif what == 2:  # its length
        made[random.integers(4)] ^= 1 << random.integers(8)
    elif what == 3:  # its end
        del made[8 + random.integers(len(made) - 8) :]
    return bytes(made)


def test_of_1000_pngs_with_odd_chunks_all_keep_their_pixels(make_rgb):
    random = np.random.default_rng(3)
    rgb = make_rgb(72, 64)
    whole = png(rgb, 8, 2)
    pixels = whole[41:-16]
    for case in range(1000):
        cut = random.integers(1, len(pixels))
        data = whole[:33]
        for part in (pixels[:cut], pixels[cut:]):
            data += b"".join(odd_chunk(random) for _ in range(random.integers(0, 3)))
            data += chunk(b"IDAT", part)
        data += odd_chunk(random) + chunk(b"IEND", b"")
        try:
            assert np.array_equal(decode(data), rgb), f"case {case}"
        except BadPicture as problem:
            pytest.fail(f"case {case}: {problem}")


def test_of_1000_pngs_with_damaged_pixels_each_is_refused_or_keeps_them(make_rgb):
    random = np.random.default_rng(4)
    rgb = make_rgb(72, 64)
    whole = png(rgb, 8, 2)
    refused = 0
    for case in range(1000):
        damaged = bytearray(whole)
        damaged[random.integers(8, len(whole))] ^= 1 << random.integers(8)
        if case % 10 == 0:
            del damaged[random.integers(40, len(damaged)) :]
        try:
            assert np.array_equal(decode(bytes(damaged)), rgb), f"case {case}"
        except BadPicture:
            refused += 1
    assert 500 < refused < 1000


def odd_segment(random: np.random.Generator) -> bytes:
    """An application segment or a comment of random contents, many under a known name."""
    names = [
        (0xE0, b"JFIF\0"), (0xE0, b"JFXX\0"), (0xE1, b"Exif\0\0"), (0xE1, b"Exif\0\0MM\0*"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0"), (0xE2, b"ICC_PROFILE\0"), (0xE2, b"MPF\0"),
        (0xE2, b"MPF\0MM\0*\0\0\0\x08"), (0xE2, b"FPXR\0"), (0xED, b"Photoshop 3.0\x008BIM"),
        (0xEE, b"Adobe"), (0xFE, b""), (0xEB, b"JP"), (0xEF, b""),
    ]  # fmt: skip
    marker, name = names[random.integers(len(names))]
    # Adobe's and JFIF's own, where long enough to be them, may change what the pixels mean.
    most = 6 if name in (b"Adobe", b"JFIF\0") else 200
    fill = b"\xff" * int(random.integers(0, 3))
    return fill + segment(marker, name + random.bytes(random.integers(0, most)))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_of_1000_jpegs_with_odd_segments_all_keep_their_pixels(make_rgb, mode):
    random = np.random.default_rng(5)
    image = Image.fromarray(make_rgb(72, 64)).convert(mode)
    plain = encoded(image, "JPEG", quality=95)
    expected = decode(plain)
    assert np.abs(expected.astype(int) - np.asarray(image.convert("RGB"))).mean() < 3
    for case in range(334):
        more = b"".join(odd_segment(random) for _ in range(random.integers(1, 5)))
        try:
            assert np.array_equal(decode(with_segments(plain, more)), expected), f"case {case}"
        except BadPicture as problem:
            pytest.fail(f"case {case}: {problem}")


JPEGS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "4:4:4": {"subsampling": 0},
    "with restarts": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("size", [None, (64, 64)])
def test_a_jpeg_without_its_end_marker_is_whole(make_rgb, mode, kind, size):
    image = Image.fromarray(make_rgb(300, 200)).convert(mode)
    whole = encoded(image, "JPEG", quality=90, **JPEGS[kind])
    expected = decode_picture(io.BytesIO(whole), size=size)
    for left in (whole[:-1], whole[:-2]):
        shown = decode_picture(io.BytesIO(left), size=size)
        assert np.abs(shown.astype(int) - expected).max() <= (0 if size is None else 12)


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("filling", [bytes(3000), b"\xff" * 3000])
def test_a_file_that_was_never_written_to_its_end_is_refused_unless_whole(make_rgb, kind, filling):
    whole = encoded(Image.fromarray(make_rgb(300, 200)), "JPEG", quality=90, **JPEGS[kind])
    np.testing.assert_array_equal(decode(whole[:-2] + filling), decode(whole))
    for cut in (20, 200, 1000):
        with pytest.raises(BadPicture):
            decode(whole[:-cut] + filling)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_cut_jpeg_is_refused_wherever_a_pixel_is_missing(mode, kind):
    noise = np.random.default_rng(6).integers(0, 256, (72, 96, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise).convert(mode), "JPEG", quality=80, **JPEGS[kind])
    expected = decode(whole)
    refused = 0
    for cut in [*range(3, 40), *range(40, len(whole) - 700, 97)]:
        try:
            assert np.array_equal(decode(whole[:-cut]), expected), f"cut by {cut}"
        except BadPicture:
            refused += 1
    assert refused > 30


def test_a_png_without_its_end_is_whole(make_rgb):
    rgb = make_rgb(96, 64)
    whole = png(rgb, 8, 2)
    assert whole.startswith(PNG_MAGIC)
    for left in (whole[:-12], whole[:-5], whole + b"more"):
        np.testing.assert_array_equal(decode(left), rgb)


@pytest.mark.parametrize(
    ("compression", "big"), [(None, False), (None, True), ("tiff_lzw", False), ("jpeg", False)]
)
def test_of_1000_tiffs_with_damaged_tags_beside_the_pixels_all_keep_them(
    make_rgb, compression, big, capfd
):
    random = np.random.default_rng(9)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[305], tags[306], tags[315] = "what", "program", "2026:01:01 00:00:00", "who"
    tags[282], tags[283], tags[296] = 72.0, 72.0, 2
    for tag in (700, 33723, 34377, 34675, 34665, 34853, 330):
        tags.tagtype[tag] = 4 if tag in (34665, 34853, 330) else 7
        tags[tag] = 8 if tags.tagtype[tag] == 4 else b"8BIM" * 9
    image = Image.fromarray(make_rgb(72, 64))
    whole = encoded(image, "TIFF", tiffinfo=tags, compression=compression, big_tiff=big)
    expected = decode(whole)
    assert np.abs(expected.astype(int) - np.asarray(image)).mean() < 3
    places = {tag: place for tag, place in entries_of(whole, big) if tag in tags}
    assert len(places) >= 13
    for case in range(250):
        damaged = bytearray(whole)
        for _ in range(random.integers(1, 5)):
            place = places[list(places)[random.integers(len(places))]]
            # Type, number of values, the value or where it lies; the tag itself stays.
            damaged[place + random.integers(2, 20 if big else 12)] = random.integers(0, 256)
        assert np.array_equal(decode(bytes(damaged)), expected), f"case {case}"
    assert capfd.readouterr().err == ""


def entries_of(data: bytes, big: bool) -> list[tuple[int, int]]:
    """(tag, where its entry lies) of a little-endian TIFF's first directory."""
    start = struct.unpack_from("<Q" if big else "<I", data, 8 if big else 4)[0]
    first, step = (start + 8, 20) if big else (start + 2, 12)
    count = struct.unpack_from("<Q" if big else "<H", data, start)[0]
    return [
        (struct.unpack_from("<H", data, first + step * index)[0], first + step * index)
        for index in range(count)
    ]
