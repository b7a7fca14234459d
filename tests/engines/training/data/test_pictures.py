# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from PIL import Image

from percast.blocks.images import open_source
from percast.engines.training.data.pictures import open_pictures, pack
from percast.errors import FileError, UsageError
from tests.conftest import load


@pytest.fixture
def mixed(tmp_path, images):
    """The pictures, a grey one, and what cannot be used: damaged, truncated, too small, text."""
    folder = tmp_path / "mixed"
    (folder / "deeper").mkdir(parents=True)
    for path in sorted(images.iterdir())[:3]:
        (folder / path.name).write_bytes(path.read_bytes())
    Image.new("L", (70, 90), 99).save(folder / "deeper" / "grey.webp", lossless=True)
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8 nothing")
    whole = (folder / "00.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (500, 63)).save(folder / "small.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_pack_holds_the_pictures_of_the_folder(mixed, tmp_path):
    file, lines = tmp_path / "data.pack", []
    assert pack(mixed, file, lines.append) == 4
    packed, read = open_pictures(file), open_pictures(mixed, say=lines.append)
    assert len(packed) == len(read) == 4
    for index, name in enumerate(("00.png", "01.png", "02.png", "deeper/grey.webp")):
        expected = load(mixed / name)
        assert np.array_equal(packed[index], expected) and np.array_equal(read[index], expected)
    assert isinstance(packed.pixels, np.memmap)


def test_pictures_left_out_are_counted_and_named_in_one_line(mixed, tmp_path):
    lines = []
    pack(mixed, tmp_path / "data.pack", lines.append)
    assert len(lines) == 1 and lines[0].startswith("left out 3 pictures")
    for name in ("damaged.jpg (unreadable)", "truncated.png (unreadable)", "small.png (too small)"):
        assert name in lines[0]


def test_a_file_that_breaks_its_decoder_is_left_out(images, tmp_path):
    """In Pillow 13 places of type "undefined" in a TIFF end in a TypeError."""
    Image.open(images / "00.png").save(tmp_path / "broken.tif")
    whole = (tmp_path / "broken.tif").read_bytes()
    strip_offsets, as_longs, as_undefined = b"\x11\x01", b"\x04\x00", b"\x07\x00"
    assert whole.count(strip_offsets + as_longs) == 1
    broken = whole.replace(strip_offsets + as_longs, strip_offsets + as_undefined)
    (tmp_path / "broken.tif").write_bytes(broken)
    (tmp_path / "whole.png").write_bytes((images / "00.png").read_bytes())
    lines = []
    assert len(open_pictures(tmp_path, say=lines.append)) == 1
    assert lines == ["left out 1 pictures: broken.tif (unreadable)"]


def test_pictures_smaller_than_the_crop_are_left_out_of_a_pack(images, tmp_path):
    file, lines = tmp_path / "data.pack", []
    pack(images, file)
    pictures = open_pictures(file, 96, lines.append)
    assert len(pictures) == 4 and pictures.sizes.min() >= 96
    assert lines == [
        "left out 6 pictures: number 0 (too small), number 1 (too small), number 2 (too small) "
        "and 3 more"
    ]
    whole = open_pictures(file)
    assert np.array_equal(pictures[0], whole[3])


def test_a_part_is_the_same_pictures(images):
    pictures = open_pictures(images)
    part = pictures.part(4, 7)
    assert len(part) == 3 and np.array_equal(part[1], pictures[5])


def test_what_is_no_pack_is_refused(images, tmp_path):
    file = tmp_path / "data.pack"
    pack(images, file)
    whole = file.read_bytes()
    for content in (b"", b"PERCPACK", whole[:-100], b"X" + whole[1:], whole[:9] + whole[10:]):
        file.write_bytes(content)
        with pytest.raises(FileError, match="percast train pack"):
            open_pictures(file)


def test_nothing_usable_is_an_error_and_leaves_no_file(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no usable picture"):
        pack(tmp_path / "empty", tmp_path / "data.pack")
    with pytest.raises(UsageError, match="no usable picture"):
        open_pictures(tmp_path / "empty")
    with pytest.raises(UsageError, match="neither"):
        open_pictures(tmp_path / "missing")
    with pytest.raises(FileError, match="cannot write"):
        pack(tmp_path / "empty", tmp_path / "no" / "data.pack")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_pack_holds_what_the_link_would_send(tmp_path):
    """Turned, of 16 bits, transparent, of another colour space, of other suffixes."""
    folder = tmp_path / "odd"
    folder.mkdir()
    rng = np.random.default_rng(3)
    rgb = Image.fromarray(rng.integers(0, 256, (70, 90, 3), dtype=np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    rgb.save(folder / "a.jpg", exif=turned)
    Image.fromarray(rng.integers(0, 65536, (70, 90), dtype=np.uint16)).save(folder / "b.png")
    hidden = rgb.copy()
    hidden.putalpha(Image.linear_gradient("L").resize(rgb.size))
    hidden.save(folder / "c.png")
    rgb.convert("CMYK").save(folder / "d.jfif")
    rgb.save(folder / "e.gif")
    pack(folder, tmp_path / "data.pack")
    packed = open_pictures(tmp_path / "data.pack")
    with open_source(str(folder)) as sent:
        pictures = [picture.rgb for picture in sent]
    assert len(packed) == len(pictures) == 5
    for index, picture in enumerate(pictures):
        np.testing.assert_array_equal(packed[index], picture)
    assert packed[0].shape == (90, 70, 3)


def test_kinds_that_are_not_read_are_named_in_the_same_line(mixed, tmp_path):
    for name in ("a.heic", "deeper/b.heic", "c.nef"):
        (mixed / name).write_bytes(b"?")
    lines = []
    pack(mixed, tmp_path / "data.pack", lines.append)
    assert len(lines) == 1 and lines[0].startswith("left out 3 pictures")
    assert lines[0].endswith("left out 3 of kinds that are not read: 2 .heic, 1 .nef")
