# SPDX-License-Identifier: GPL-3.0-or-later
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from percast.blocks.images import open_source
from percast.blocks.images.camera_source import CameraSource
from percast.errors import DeviceError, FileError, UsageError

av = pytest.importorskip("av")


def encode(path, frames, rotation=0, colour_range="mpeg"):
    """Writes `frames`, uint8 [H, W, 3] each, as MPEG-4 or motion JPEG."""
    with av.open(str(path), "w") as container:
        full = colour_range == "jpeg"
        stream = container.add_stream("mjpeg" if full else "mpeg4", rate=10)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if full else "yuv420p"
        stream.bit_rate = 4_000_000
        stream.gop_size = 1
        if rotation:
            if not hasattr(stream, "set_display_rotation"):
                pytest.skip("this PyAV cannot write a rotation, only read it")
            stream.set_display_rotation(rotation)
        for frame in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def flat(level, width=96, height=64):
    return np.full((height, width, 3), level, np.uint8)


@pytest.fixture
def clip(tmp_path):
    return encode(tmp_path / "clip.mp4", [flat(level) for level in (40, 120, 200)])


def levels(source):
    return [round(float(picture.rgb.mean()), -1) for picture in source]


def test_a_video_gives_each_frame_once(clip):
    with open_source(f"video:{clip}") as source:
        assert not source.live
        pictures = list(source)
    assert [picture.name for picture in pictures] == [f"clip.mp4#{i:06d}" for i in range(3)]
    assert [picture.rgb.shape for picture in pictures] == [(64, 96, 3)] * 3
    assert levels(pictures) == [40, 120, 200]


def test_a_video_starts_again_when_more_frames_are_asked_for(clip):
    with open_source(f"video:{clip}", frames=5) as source:
        assert levels(source) == [40, 120, 200, 40, 120]


def test_a_video_is_fitted(clip):
    (picture, *_) = open_source(f"video:{clip}", size=(128, 128))
    assert picture.rgb.shape == (128, 128, 3)


@pytest.mark.parametrize(("suffix", "colour_range"), [("mp4", "mpeg"), ("avi", "jpeg")])
def test_colours_are_right_for_either_range(tmp_path, make_rgb, suffix, colour_range):
    rgb = make_rgb(128, 96)
    path = encode(tmp_path / f"a.{suffix}", [rgb], colour_range=colour_range)
    (picture,) = open_source(f"video:{path}")
    assert np.abs(picture.rgb.astype(int) - rgb).mean() < 4


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_video_filmed_sideways_stands_upright(tmp_path, make_rgb, rotation):
    rgb = make_rgb(128, 96)
    path = encode(tmp_path / "a.mp4", [rgb], rotation)
    (picture,) = open_source(f"video:{path}")
    upright = np.rot90(rgb, rotation // 90)
    assert picture.rgb.shape == upright.shape
    assert np.abs(picture.rgb.astype(int) - upright).mean() < 4


def test_a_damaged_part_of_a_video_is_skipped_and_counted_once(tmp_path, caplog):
    noise = np.random.default_rng(0).integers(0, 256, (10, 96, 96, 3), dtype=np.uint8)
    path = encode(tmp_path / "a.avi", list(noise), colour_range="jpeg")
    with av.open(str(path)) as container:
        packet = list(container.demux())[5]
    data = bytearray(path.read_bytes())
    data[packet.pos + 8 : packet.pos + packet.size] = bytes(packet.size - 8)
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        with open_source(f"video:{path}", frames=40) as source:
            assert len(list(source)) == 40
    assert source.skipped == 1
    assert len(caplog.records) == 1
    assert len(list(open_source(f"video:{path}"))) == 9


def test_a_video_too_large_to_be_sent_says_use_size(tmp_path):
    path = encode(tmp_path / "a.mp4", [flat(9, width=2176)])
    with pytest.raises(FileError, match="use --size WxH"):
        open_source(f"video:{path}")
    (picture,) = open_source(f"video:{path}", size=(64, 64))
    assert picture.rgb.shape == (64, 64, 3)


def test_no_video_is_a_file_error(tmp_path, clip, capfd):
    (tmp_path / "text.mp4").write_text("this is no video")
    (tmp_path / "half.mp4").write_bytes(clip.read_bytes()[:300])
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        sound.sample_rate = 8000
        for packet in [*stream.encode(sound), *stream.encode()]:
            container.mux(packet)
    for name in ("text.mp4", "half.mp4", "sound.wav", "missing.mp4", "."):
        with pytest.raises(FileError) as caught:
            open_source(f"video:{tmp_path / name}")
        assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_playlist_reaches_neither_the_network_nor_other_protocols(tmp_path):
    playlist = tmp_path / "list.m3u8"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        playlist.write_text(
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\n"
            f"http://127.0.0.1:{listener.getsockname()[1]}/a.ts\n#EXT-X-ENDLIST\n"
        )
        with pytest.raises(FileError):
            open_source(f"video:{playlist}")
        listener.settimeout(0.5)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_video_whose_name_is_no_utf8_can_be_sent(tmp_path, clip):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4"))
    path.write_bytes(clip.read_bytes())
    with open_source(f"video:{path}", frames=1) as source:
        (picture,) = source
    assert picture.name.encode() == "\ufffd.mp4#000000".encode()


WITHOUT_AV = """
import sys
sys.modules["av"] = None
from percast.blocks.images import open_source
from percast.errors import UsageError
for spec in ("video:a.mp4", "camera:0"):
    try:
        open_source(spec)
    except UsageError as error:
        print(error)
"""


def test_without_pyav_the_error_names_what_to_install():
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_AV], capture_output=True, text=True, check=True
    )
    assert result.stdout.count("pip install 'percast[video]'") == 2


def test_an_absent_camera_is_a_device_error_that_says_what_to_check():
    with pytest.raises(DeviceError, match="/dev/video97.*plugged in.*group 'video'"):
        open_source("camera:97")


# FFmpeg's test generator stands in for a camera: the same calls on the same kind of stream.
CAMERA = "testsrc=size=320x240:rate=50,realtime"


def test_a_camera_gives_its_newest_picture_and_counts_what_it_passed_over():
    with CameraSource(CAMERA, size=(128, 96), frames=3, input_format="lavfi") as source:
        assert source.live
        shapes = []
        for picture in source:
            shapes.append(picture.rgb.shape)
            time.sleep(0.1)
        assert shapes == [(96, 128, 3)] * 3
        assert source.dropped >= 4


def test_closing_a_camera_ends_the_wait_for_its_next_picture():
    source = CameraSource("testsrc=size=320x240:rate=0.5,realtime", input_format="lavfi")
    threading.Timer(0.2, source.close).start()
    start = time.monotonic()
    list(source)
    assert time.monotonic() - start < 1
    source.close()


def test_a_camera_that_stops_is_a_device_error():
    with CameraSource(f"{CAMERA},trim=end_frame=2", input_format="lavfi") as source:
        with pytest.raises(DeviceError, match="stopped"):
            list(source)


def test_a_camera_whose_size_cannot_be_sent_is_a_usage_error():
    with pytest.raises(UsageError, match="use --size WxH"):
        CameraSource("testsrc=size=3840x2160", input_format="lavfi")
