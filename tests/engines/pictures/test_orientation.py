# SPDX-License-Identifier: GPL-3.0-or-later
"""Every picture stands as its file says, whatever else the file says."""

import io
import math
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from percast.engines.pictures import decode_picture
from percast.engines.pictures.orientation import (
    from_display_matrix,
    from_exif,
    from_xmp,
    upright_array,
)
from tests.engines.pictures.files import chunk, encoded, exif, png, segment, stored, with_segments

ORIENTATIONS = range(1, 9)
SHORT, LONG, SIGNED_RATIONAL = 3, 4, 10


def decode(data: bytes) -> np.ndarray:
    return decode_picture(io.BytesIO(data))


def bad_exif(orientation: int, order: str = "<") -> bytes:
    """States an orientation; every other entry is one that cannot be read or written again."""
    entries = [
        (0x010F, 2, 0x7FFFFFF0),  # the maker's name, far away
        (0x0112, SHORT, orientation),
        (0x011A, SIGNED_RATIONAL, 100),  # -1/0
        (0x8769, LONG, 0xFFFFFFF0),  # EXIF's own directory, nowhere
        (0x8825, LONG, 3),  # GPS's, in the header
        (0x9201, SIGNED_RATIONAL, 100),
    ]
    return exif(entries, order, bytes(20) + struct.pack(f"{order}ii", -1, 0))


def insert_exif(image: Image.Image, kind: str, block: bytes) -> bytes:
    if kind == "JPEG":
        return with_segments(encoded(image, "JPEG", quality=95), segment(0xE1, block))
    if kind == "PNG":
        whole = encoded(image, "PNG")
        return whole[:33] + chunk(b"eXIf", block[6:]) + whole[33:]
    if kind == "PNG, after the pixels":
        whole = encoded(image, "PNG")
        return whole[:-12] + chunk(b"eXIf", block[6:]) + whole[-12:]
    return encoded(image, "WEBP", lossless=True, exif=block)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "PNG, after the pixels", "WEBP"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_damaged_exif_block_neither_refuses_a_picture_nor_turns_it(
    make_rgb, kind, order, orientation
):
    upright = make_rgb(96, 64)
    image = Image.fromarray(np.ascontiguousarray(stored(upright, orientation)))
    shown = decode(insert_exif(image, kind, bad_exif(orientation, order)))
    assert shown.shape == upright.shape
    assert np.abs(shown.astype(int) - upright).mean() < 3


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("pointer", [34665, 34853])
@pytest.mark.parametrize("where", [0, 3, 8, 0xFFFFFFF0])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_tiff_whose_exif_lies_nowhere_is_read(make_rgb, compression, pointer, where, orientation):
    upright = make_rgb(96, 64)
    image = Image.fromarray(np.ascontiguousarray(stored(upright, orientation)))
    data = encoded(
        image, "TIFF", compression=compression, tiffinfo={274: orientation, 315: "x" * 9}
    )
    # An entry of another tag becomes the pointer.
    entry = data.index(struct.pack("<HH", 315, 2))
    data = data[:entry] + struct.pack("<HHII", pointer, LONG, 1, where) + data[entry + 12 :]
    np.testing.assert_array_equal(decode(data), upright)


@pytest.mark.parametrize("turn", ["irot", "exif"])
def test_an_avif_is_turned_by_its_own_properties_and_not_by_exif(make_rgb, turn):
    upright = make_rgb(96, 64)
    about = Image.Exif()
    about[0x0112] = 6
    about[0x010F] = "maker"
    image = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))
    data = encoded(image, "AVIF", quality=95, exif=about.tobytes())
    start = data.index(b"Exif\0\0", data.index(b"mdat"))
    if turn == "exif":  # a header that is none: libavif would refuse it
        data = data[: start + 6] + b"XXXX" + data[start + 10 :]
    shown = decode(data)
    assert shown.shape == upright.shape
    assert np.abs(shown.astype(int) - upright).mean() < 4


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize("exif_says", [None, 3])
def test_xmp_counts_where_exif_says_nothing(make_rgb, exif_says):
    upright = make_rgb(96, 64)
    image = Image.fromarray(np.ascontiguousarray(stored(upright, exif_says or 6)))
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)
    block = segment(0xE1, exif([(0x0112, SHORT, exif_says)])) if exif_says else b""
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
    still = chunk(b"eXIf", exif([(0x0112, SHORT, exif_says)])[6:]) if exif_says else b""
    jpeg = with_segments(encoded(image, "JPEG", quality=95), xmp + block)
    for data in (jpeg, png(np.asarray(image), 8, 2, text + still)):
        shown = decode(data)
        assert shown.shape == upright.shape
        assert np.abs(shown.astype(int) - upright).mean() < 3


@pytest.mark.parametrize(
    "said",
    [b'tiff:Orientation="6"', b"tiff:Orientation='6'", b'tiff:Orientation = "6"',
     b"<tiff:Orientation>6</tiff:Orientation>", b"<tiff:Orientation>\n 6 </tiff:Orientation>"],
)  # fmt: skip
def test_xmp_is_read_however_xml_may_write_it(said):
    assert from_xmp(b"<rdf:Description " + said) == 6
    assert from_xmp(b"<rdf:Description " + said.replace(b"6", b"60")) is None


def test_a_second_exif_block_counts_where_the_first_is_none(make_rgb):
    upright = make_rgb(96, 64)
    image = Image.fromarray(np.ascontiguousarray(stored(upright, 6)))
    blocks = segment(0xE1, b"Exif\0\0junk") + segment(0xE1, exif([(0x0112, SHORT, 6)]))
    shown = decode(with_segments(encoded(image, "JPEG", quality=95), blocks))
    assert shown.shape == upright.shape


def test_exif_as_imagemagick_writes_it_into_a_text_counts(make_rgb):
    upright = make_rgb(96, 64)
    block = exif([(0x0112, SHORT, 6)])
    text = b"Raw profile type exif\0\nexif\n%8d\n%s\n" % (len(block), block.hex().encode())
    data = png(np.ascontiguousarray(stored(upright, 6)), 8, 2, chunk(b"tEXt", text))
    np.testing.assert_array_equal(decode(data), upright)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [(SHORT, 6, 6), (LONG, 6, 6), (9, 6, 6), (SHORT, 0, None), (SHORT, 9, None), (2, 0x36, None)],
)
def test_only_whole_numbers_from_1_to_8_are_an_orientation(kind, value, expected):
    assert from_exif(exif([(0x0112, kind, value)])) == expected


def read_by_hand(block: bytes) -> int | None:
    """The last whole entry of the first directory that states an orientation."""
    data, order = block[6:], {b"II": "little", b"MM": "big"}.get(block[6:8])
    if order is None or int.from_bytes(data[2:4], order) != 42:
        return None
    start = int.from_bytes(data[4:8], order)
    count = int.from_bytes(data[start : start + 2], order)
    found = None
    for place in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        tag, kind = (int.from_bytes(data[place + i : place + i + 2], order) for i in (0, 2))
        if tag == 0x0112 and data[place + 4 : place + 8] == (1).to_bytes(4, order):
            width = {3: 2, 4: 4, 8: 2, 9: 4}.get(kind, 0)
            found = int.from_bytes(data[place + 8 : place + 8 + width], order) if width else found
    return found if found in ORIENTATIONS else None


def read_by_pillow(block: bytes) -> int | None:
    """What Pillow makes of a block; None also where something else in it stops Pillow."""
    found = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.load(block)
            value = found.get(0x0112)
    except Exception:  # noqa: BLE001 - it raises all kinds
        return None
    return value if type(value) is int and value in ORIENTATIONS else None


def mutated(block: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(block)
    for _ in range(random.integers(1, 9)):
        changed[random.integers(6, len(changed))] = random.integers(0, 256)
    if random.random() < 0.2:
        del changed[random.integers(6, len(changed)) :]
    if random.random() < 0.2:
        start = random.integers(6, len(changed) + 1)
        changed[start:start] = random.bytes(random.integers(1, 13))
    return bytes(changed)


def test_of_1000_mutated_exif_blocks_none_refuses_or_wrongly_turns_a_picture(make_rgb):
    random = np.random.default_rng(15)
    rgb = make_rgb(72, 64)
    image = Image.fromarray(rgb)
    as_stored = {kind: decode(insert_exif(image, kind, b"")) for kind in ("JPEG", "PNG", "WEBP")}
    turned = 0
    for case in range(1000):
        block = mutated(bad_exif(random.integers(1, 9), "<>"[case % 2]), random)
        kind = ("JPEG", "PNG", "WEBP")[case % 3]
        stated = read_by_hand(block)
        orientation = stated or 1
        # Pillow also takes the first of several values, which no camera writes.
        assert stated is None or read_by_pillow(block) in (None, stated), block.hex()
        turned += orientation != 1
        shown = decode(insert_exif(image, kind, block))
        expected = upright_array(as_stored[kind], orientation)
        assert np.array_equal(shown, expected), f"case {case}, {kind}, {block.hex()}"
    assert turned > 300


def shown_by(matrix, pixels: np.ndarray) -> np.ndarray:
    """Each pixel where a matrix puts it, moved to the origin; right angles and unit scale only."""
    a, b, _, c, d, *_ = (value / 65536 for value in matrix)
    rows, columns = np.indices(pixels.shape)
    across, down = (a * columns + c * rows).astype(int), (b * columns + d * rows).astype(int)
    across, down = across - across.min(), down - down.min()
    shown = np.zeros((down.max() + 1, across.max() + 1), pixels.dtype)
    shown[down, across] = pixels
    return shown


RIGHT_ANGLES = [
    (a, b, c, d)
    for a, b, c, d in np.ndindex(3, 3, 3, 3)
    if abs((a - 1) * (d - 1) - (b - 1) * (c - 1)) == 1 and (a + b + c + d) % 2 == 0
    and abs(a - 1) + abs(b - 1) == 1
    and abs(a - 1) + abs(c - 1) == 1
]  # fmt: skip


def test_the_eight_right_angles_show_each_pixel_where_the_matrix_puts_it():
    pixels = np.arange(12).reshape(3, 4)
    found = set()
    assert len(RIGHT_ANGLES) == 8
    for a, b, c, d in np.array(RIGHT_ANGLES) - 1:
        matrix = [v * 65536 for v in (a, b, 0, c, d, 0, 0, 0, 16384)]
        orientation = from_display_matrix(matrix)
        np.testing.assert_array_equal(
            upright_array(pixels, orientation), shown_by(matrix, pixels), str(matrix)
        )
        found.add(orientation)
    assert found == set(ORIENTATIONS)


def test_of_1000_display_matrices_each_is_shown_at_the_nearest_right_angle():
    random = np.random.default_rng(8)
    for case in range(1000):
        base = np.array(RIGHT_ANGLES[case % 8]).reshape(2, 2) - 1
        expected = from_display_matrix(
            [*(base * 65536)[0], 0, *(base * 65536)[1], 0, 0, 0, 1 << 30]
        )
        angle = math.radians(random.uniform(-40, 40))
        slant = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        scaled = np.rint(base @ slant * random.uniform(0.01, 200) * 65536).astype(int)
        place = random.integers(-(1 << 31), 1 << 31, 2)
        matrix = [*scaled[0], 0, *scaled[1], 0, *place, 1 << 30]
        assert from_display_matrix(matrix) == expected, f"case {case}: {matrix}"
        damaged = random.integers(-(1 << 31), 1 << 31, 9).tolist()
        assert from_display_matrix(damaged) in ORIENTATIONS
    assert from_display_matrix([0] * 9) == 1
