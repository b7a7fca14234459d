# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos are shown as players show them: the right track, way up, shape and colours."""

import struct
from fractions import Fraction

import numpy as np
import pytest

from percast.blocks.images import open_source
from percast.blocks.images.video_frames import shown_size
from percast.errors import FileError

av = pytest.importorskip("av")

UNSAID, BT709, BT601 = 2, 1, 5


def write(path, rgb, codec="mpeg4", pixels="yuv420p", aspect=None, matrix=UNSAID):
    """`rgb`, uint8 [H, W, 3 or 4], as a video; `matrix` makes YCbCr of it, and is not written."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = rgb.shape[:2]
        stream.pix_fmt = pixels
        stream.bit_rate = 8_000_000
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for _ in range(2):
            frame = av.VideoFrame.from_ndarray(rgb, format=["rgb24", "rgba"][rgb.shape[2] - 3])
            frame = frame.reformat(
                format=pixels, dst_colorspace=None if matrix == UNSAID else matrix
            )
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def first(path, **options):
    with open_source(f"video:{path}", frames=1, **options) as source:
        return next(iter(source)).rgb


def set_matrix(path, numbers):
    """Writes the display matrix of an MP4's only track: nine numbers in its `tkhd` box."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40  # version 0
    assert struct.unpack_from(">i", data, start)[0] == 65536
    struct.pack_into(">9i", data, start, *numbers)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), lambda rgb: rgb),
        ((-1, 0, 0, 1), lambda rgb: rgb[:, ::-1]),
        ((1, 0, 0, -1), lambda rgb: rgb[::-1]),
        ((-1, 0, 0, -1), lambda rgb: rgb[::-1, ::-1]),
        ((0, 1, 1, 0), lambda rgb: rgb.swapaxes(0, 1)),
        ((0, 1, -1, 0), lambda rgb: np.rot90(rgb, -1)),
        ((0, -1, 1, 0), lambda rgb: np.rot90(rgb, 1)),
        ((0, -1, -1, 0), lambda rgb: rgb[::-1, ::-1].swapaxes(0, 1)),
    ],
)
@pytest.mark.parametrize("scale", [65536, 16384])
def test_each_display_matrix_turns_and_mirrors(tmp_path, make_rgb, matrix, shown, scale):
    rgb = make_rgb(128, 96)
    a, b, c, d = (number * scale for number in matrix)
    numbers = (a, b, 0, c, d, 0, 96 * 65536, 0, 1 << 30)
    upright = first(set_matrix(write(tmp_path / "a.mp4", rgb), numbers))
    expected = shown(rgb)
    assert upright.shape == expected.shape
    assert np.abs(upright.astype(int) - expected).mean() < 4


def disc(width, height, aspect):
    """A disc that is round where pixels are `aspect` times as wide as high."""
    y, x = np.mgrid[:height, :width]
    inside = ((x - width / 2) * float(aspect)) ** 2 + (y - height / 2) ** 2 < (height * 0.2) ** 2
    return np.where(inside[..., None], 230, 60).astype(np.uint8).repeat(3, axis=2)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize(
    "aspect", [Fraction(64, 45), Fraction(4, 3), Fraction(8, 9), Fraction(1, 2)]
)
@pytest.mark.parametrize("size", [None, (200, 160)])
def test_circles_stay_round_whatever_a_pixels_aspect_ratio(tmp_path, suffix, aspect, size):
    path = write(tmp_path / f"a.{suffix}", disc(180, 144, aspect), aspect=aspect)
    rgb = first(path, size=size)
    rows, columns = np.nonzero(rgb[..., 1] > 145)
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 3
    if size is None:
        assert rgb.shape[:2] == (144 / min(1, aspect), round(180 * max(1, aspect)))


@pytest.mark.parametrize(
    "aspect", [None, Fraction(0), Fraction(1), Fraction(1, 1000), Fraction(50)]
)
def test_an_absurd_aspect_ratio_is_none(aspect):
    assert shown_size(720, 576, aspect) == (720, 576)


def test_an_anamorphic_video_too_wide_to_be_sent_says_use_size(tmp_path):
    path = write(tmp_path / "a.mp4", disc(1440, 96, 2), aspect=Fraction(2, 1))
    with pytest.raises(FileError, match="use --size WxH"):
        first(path)


COLOURS = [(200, 40, 40), (40, 180, 40), (40, 40, 200), (220, 220, 220)]


def bars(width, height):
    rgb = np.zeros((height, width, 3), np.uint8)
    for index, colour in enumerate(COLOURS):
        rgb[:, index * width // 4 :] = colour
    return rgb


def seen(rgb):
    return [rgb[:, (2 * index + 1) * rgb.shape[1] // 8].mean(0) for index in range(4)]


@pytest.mark.parametrize(
    ("width", "height", "matrix"),
    [(1280, 96, BT709), (96, 578, BT709), (1278, 96, BT601), (96, 576, BT601)],
)
def test_of_a_video_that_does_not_say_hd_is_bt709_and_sd_bt601(tmp_path, width, height, matrix):
    rgb = first(write(tmp_path / "a.mp4", bars(width, height), matrix=matrix))
    np.testing.assert_allclose(seen(rgb), COLOURS, atol=8)


@pytest.mark.parametrize("size", [(1280, 96), (320, 96)])
def test_rgb_video_has_no_matrix(tmp_path, size):
    rgb = first(write(tmp_path / "a.mkv", bars(*size), codec="ffv1", pixels="bgr0"))
    np.testing.assert_array_equal(rgb, bars(*size))


def test_what_is_transparent_in_a_video_shows_white(tmp_path):
    rgba = np.dstack([bars(128, 96), np.full((96, 128), 255, np.uint8)])
    rgba[:, 96:, 3] = 0
    rgb = first(write(tmp_path / "a.mkv", rgba, codec="ffv1", pixels="bgra"))
    assert (rgb[:, 96:] == 255).all()
    np.testing.assert_array_equal(rgb[:, :96], bars(128, 96)[:, :96])


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize(
    ("sizes", "main"),
    [
        ([(128, 96), (256, 192)], 1),
        ([(256, 192), (128, 96)], 0),
        ([(128, 96), (128, 96)], 0),
        ([(96, 96), (128, 96), (320, 64)], 2),
    ],
)
def test_the_largest_track_is_the_film(tmp_path, suffix, sizes, main):
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as container:
        streams = []
        for width, height in sizes:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            streams.append(stream)
        for index, stream in enumerate(streams):
            level = np.full((stream.height, stream.width, 3), 40 + 80 * index, np.uint8)
            for _ in range(2):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(level, format="rgb24")))
            container.mux(stream.encode())
    rgb = first(path)
    assert rgb.shape[:2] == sizes[main][::-1]
    assert abs(rgb.mean() - (40 + 80 * main)) < 4


def test_a_cover_picture_is_not_the_film_however_large(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 320, 320, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        film = container.add_stream("mpeg4", rate=10)
        film.width, film.height, film.pix_fmt = 128, 96, "yuv420p"
        for stream, count in ((cover, 1), (film, 3)):
            level = np.full((stream.height, stream.width, 3), 90, np.uint8)
            for index in range(count):
                frame = av.VideoFrame.from_ndarray(level, format="rgb24")
                frame = frame.reformat(format=stream.pix_fmt)
                frame.pts = index
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    with open_source(f"video:{path}") as source:
        assert [picture.rgb.shape for picture in source] == [(96, 128, 3)] * 3
