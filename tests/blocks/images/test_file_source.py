# SPDX-License-Identifier: GPL-3.0-or-later
import logging
import os
import time

import numpy as np
import pytest
from PIL import Image

from percast.blocks.images import open_source
from percast.blocks.images.file_source import FileSource
from percast.errors import FileError, UsageError


@pytest.fixture
def save(tmp_path, make_rgb):
    def save(name, width=96, height=64):
        Image.fromarray(make_rgb(width, height)).save(tmp_path / name)
        return tmp_path / name

    return save


def names(source):
    return [picture.name for picture in source]


def test_a_folder_is_gone_through_once_in_natural_order(tmp_path, save):
    for name in ("b10.png", "b9.jpg", "A1.webp", "c.bmp", "d.TIFF", "e.ppm"):
        save(name)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes(b"resource fork")
    (tmp_path / "folder.png").mkdir()
    with open_source(str(tmp_path)) as source:
        assert not source.live
        assert names(source) == ["A1.webp", "b9.jpg", "b10.png", "c.bmp", "d.TIFF", "e.ppm"]
        assert source.skipped == 0


def test_a_picture_carries_its_pixels_name_and_time(save, make_rgb):
    path = save("a.png")
    before = time.time()
    (picture,) = open_source(str(path))
    assert before <= picture.read_at <= time.time()
    assert picture.name == "a.png"
    np.testing.assert_array_equal(picture.rgb, make_rgb(96, 64))


def test_pictures_keep_their_sizes_unless_one_is_given(tmp_path, save):
    save("1.png", 96, 64)
    save("2.png", 200, 100)
    assert [p.rgb.shape for p in open_source(str(tmp_path))] == [(64, 96, 3), (100, 200, 3)]
    fitted = [p.rgb.shape for p in open_source(str(tmp_path), size=(128, 96))]
    assert fitted == [(96, 128, 3)] * 2


@pytest.mark.parametrize(("frames", "expected"), [(1, "a"), (2, "ab"), (5, "ababa")])
def test_a_number_of_frames_goes_round_as_often_as_needed(tmp_path, save, frames, expected):
    save("a.png")
    save("b.png")
    with open_source(str(tmp_path), frames=frames) as source:
        assert "".join(name[0] for name in names(source)) == expected


def test_frames_0_goes_round_until_closed(save):
    source = open_source(str(save("a.png")), frames=0)
    for index, _ in enumerate(source):
        if index == 1000:
            source.close()
    assert index == 1000
    assert list(source) == []


def test_going_round_is_fast_and_takes_the_time_anew(tmp_path, save):
    for index in range(4):
        save(f"{index}.jpg", 1024, 768)
    start, began = time.time(), time.process_time()
    with open_source(str(tmp_path), size=(256, 256), frames=2000) as source:
        times = [picture.read_at for picture in source]
    assert len(times) == 2000 and times == sorted(times)
    assert times[-1] > times[0] >= start
    assert time.process_time() - began < 4  # 500 a second: far beyond any link


def test_the_cache_is_bounded(tmp_path, save):
    for index in range(3):
        save(f"{index}.png", 100, 100)
    source = FileSource(tmp_path, frames=6, cache_bytes=2 * 30_000)
    pictures = list(source)
    kept = [pictures[i].rgb is pictures[i + 3].rgb for i in range(3)]
    assert kept == [True, True, False]


def test_a_cached_picture_cannot_be_overwritten(save):
    (picture,) = open_source(str(save("a.png")))
    with pytest.raises(ValueError):
        picture.rgb[0] = 0


def damaged(tmp_path, make_rgb, kind):
    path = tmp_path / f"{kind}.png"
    if kind == "text":
        path.write_text("this is no picture")
    elif kind == "empty":
        path.touch()
    elif kind == "truncated":
        Image.fromarray(make_rgb(96, 64)).save(path)
        path.write_bytes(path.read_bytes()[:-200])
    else:
        width, height = map(int, kind.split("x"))
        Image.new("1", (width, height)).save(path)
    return path


BAD = ["text", "empty", "truncated", "1x1", "15x200", "10000x10000"]


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_picture_is_skipped_counted_and_logged_once(tmp_path, save, make_rgb, caplog, kind):
    damaged(tmp_path, make_rgb, kind)
    save("a.png")
    save("z.png")
    with caplog.at_level(logging.WARNING):
        source = open_source(str(tmp_path), frames=6)
        assert names(source) == ["a.png", "z.png"] * 3
    assert source.skipped == 1
    (line,) = [record.getMessage() for record in caplog.records]
    assert f"{kind}.png" in line and "\n" not in line


@pytest.mark.parametrize("kind", BAD)
def test_a_single_bad_picture_is_one_clear_file_error(tmp_path, make_rgb, recwarn, kind):
    path = damaged(tmp_path, make_rgb, kind)
    with pytest.raises(FileError) as caught:
        open_source(str(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert not recwarn.list


def test_a_folder_of_bad_pictures_is_a_file_error_at_once(tmp_path, make_rgb):
    damaged(tmp_path, make_rgb, "text")
    damaged(tmp_path, make_rgb, "1x1")
    with pytest.raises(FileError, match="none of its 2 pictures can be used; 1x1.png"):
        open_source(str(tmp_path))


@pytest.mark.parametrize("shape", [(2400, 100), (100, 2161), (63, 100)])
def test_a_picture_that_cannot_be_sent_as_it_is_says_use_size(save, shape):
    path = save("a.png", *shape)
    with pytest.raises(FileError, match="use --size WxH"):
        open_source(str(path))
    (picture,) = open_source(str(path), size=(64, 64))
    assert picture.rgb.shape == (64, 64, 3)


def test_above_120_megapixels_a_size_does_not_help(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6 12000 10001 255\n")
    with pytest.raises(FileError, match="120 megapixels"):
        open_source(str(tmp_path / "a.ppm"), size=(256, 256))


def test_of_webp_less_is_read_since_it_takes_more_memory(tmp_path):
    Image.new("L", (6400, 6400)).save(tmp_path / "a.webp", method=0)
    with pytest.raises(FileError, match="of WebP no more than 40 megapixels"):
        open_source(str(tmp_path / "a.webp"), size=(256, 256))


def test_a_picture_removed_in_mid_run_is_skipped(tmp_path, save):
    save("a.png")
    save("b.png")
    seen = []
    with open_source(str(tmp_path), frames=6) as source:
        for picture in source:
            seen.append(picture.name[0])
            if len(seen) == 2:
                os.remove(tmp_path / "a.png")
    assert "".join(seen) == "abbbbb"
    assert source.skipped == 1


def test_when_the_last_picture_is_removed_the_source_ends_with_a_file_error(save):
    path = save("a.png")
    source = open_source(str(path), frames=0)
    pictures = iter(source)
    next(pictures)
    os.remove(path)
    with pytest.raises(FileError, match="a.png: cannot be read"):
        next(pictures)


def test_a_picture_replaced_in_mid_run_is_read_again(tmp_path, save):
    save("a.png", 96, 64)
    pictures = iter(open_source(str(tmp_path), frames=0))
    assert next(pictures).rgb.shape == (64, 96, 3)
    save("a.png", 128, 100)
    assert next(pictures).rgb.shape == (100, 128, 3)


def test_a_name_that_is_no_utf8_is_made_printable(tmp_path, save):
    os.rename(save("a.png"), os.fsencode(tmp_path) + b"/\xff.png")
    (picture,) = open_source(str(tmp_path))
    assert picture.name == "\ufffd.png"


def test_a_missing_path_is_a_file_error(tmp_path):
    with pytest.raises(FileError, match="no such"):
        open_source(str(tmp_path / "missing"))


def test_a_folder_without_pictures_is_a_file_error(tmp_path):
    with pytest.raises(FileError, match="holds no pictures"):
        open_source(str(tmp_path))


def test_a_video_given_as_a_picture_says_how_to_name_it(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    with pytest.raises(FileError, match="video:PATH"):
        open_source(str(tmp_path / "clip.mp4"))


@pytest.mark.parametrize("spec", ["", "video:", "camera:", "zmq:", "camera:front", "camera:-1"])
def test_a_text_that_names_no_source_is_a_usage_error(spec):
    with pytest.raises(UsageError):
        open_source(spec)


def test_a_negative_number_of_frames_is_a_usage_error(save):
    with pytest.raises(UsageError, match="--frames"):
        open_source(str(save("a.png")), frames=-1)


def test_a_size_that_cannot_be_sent_is_a_usage_error(save):
    with pytest.raises(UsageError, match="64..2160"):
        open_source(str(save("a.png")), size=(8, 8))


READ = "apng avif bmp dib gif ico j2k jfif jp2 jpe jpeg jpg pbm pcx pgm png pnm ppm qoi".split()
READ += ["sgi", "tga", "tif", "tiff", "webp"]


def test_a_folder_gives_every_kind_of_picture_that_pillow_decodes(tmp_path):
    for suffix in READ:
        kind = {"apng": "PNG", "j2k": "JPEG2000", "pgm": "PPM", "pnm": "PPM", "pbm": "PPM"}
        mode = "1" if suffix == "pbm" else "L" if suffix == "pgm" else "RGB"
        Image.new(mode, (256, 192), 1 if suffix == "pbm" else "white").save(
            tmp_path / f"{suffix}.{suffix.upper()}", kind.get(suffix)
        )
    with open_source(str(tmp_path)) as source:
        pictures = list(source)
        assert source.skipped == 0
    assert [picture.name.split(".")[0] for picture in pictures] == READ
    for picture in pictures:
        assert picture.rgb.mean() > 250, picture.name


def test_pictures_of_kinds_that_are_not_read_are_named_in_one_line_and_count(
    tmp_path, save, caplog
):
    save("a.png")
    others = ["b.heic", "c.HEIC", "d.jxl", "e.CR2", "f.mov", "g.what"]
    for name in (*others, "notes.txt", "frames.jsonl", "LICENSE", ".h.heic"):
        (tmp_path / name).write_bytes(b"?")
    (tmp_path / "folder.heic").mkdir()
    with caplog.at_level(logging.WARNING):
        source = open_source(str(tmp_path), frames=3)
        assert len(list(source)) == 3
    assert source.skipped == 6
    (line,) = [record.getMessage() for record in caplog.records]
    assert "6 left out" in line and "1 .cr2, 2 .heic, 1 .jxl, 1 .mov, 1 .what" in line


def test_a_link_to_a_picture_that_is_gone_is_named_and_counts(tmp_path, save, caplog):
    save("a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "c.heic").symlink_to(tmp_path / "gone.heic")
    (tmp_path / "folder.png").mkdir()
    with open_source(str(tmp_path)) as pictures:
        assert [picture.name for picture in pictures] == ["a.png"]
        assert pictures.skipped == 2
    assert "b.png skipped: cannot be read (No such file" in caplog.text
    assert "1 left out, of kinds that are not read: 1 .heic" in caplog.text


def test_a_folder_of_nothing_but_such_says_so(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"?")
    with pytest.raises(FileError, match="holds no pictures .*only 1 .heic, which are not read"):
        open_source(str(tmp_path))
