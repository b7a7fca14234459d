# SPDX-License-Identifier: GPL-3.0-or-later
import io
import json

import numpy as np
import pytest
from PIL import Image

from percast.blocks.images import MalformedMessage, decode_message, encode_message


@pytest.mark.parametrize("encoding", ["rgb8", "png"])
def test_a_picture_survives_the_message(make_rgb, encoding):
    rgb = make_rgb(90, 70)
    decoded, header = decode_message(encode_message(rgb, {"name": "bäum.png"}, encoding))
    np.testing.assert_array_equal(decoded, rgb)
    expected = {"percast": 1, "name": "bäum.png", "width": 90, "height": 70, "encoding": encoding}
    assert header == expected


@pytest.mark.parametrize("encoding", ["jpeg", "webp"])
def test_a_compressed_picture_nearly_survives_the_message(make_rgb, encoding):
    rgb = make_rgb(90, 70)
    decoded, _ = decode_message(encode_message(rgb, {}, encoding))
    assert np.abs(decoded.astype(int) - rgb).mean() < 3


def test_a_received_picture_without_a_name_can_be_sent_on(make_rgb):
    _, header = decode_message(encode_message(make_rgb(64, 64), {"name": None, "id": 3}))
    assert header["name"] == "" and header["id"] == 3


def test_a_record_travels_in_the_header_and_nan_as_null(make_rgb):
    record = {"id": np.int64(7), "metrics": {"psnr_db": np.float32(30), "lpips": float("nan")}}
    _, header = decode_message(encode_message(make_rgb(64, 64), record, "png"))
    assert header["id"] == 7
    assert header["metrics"] == {"psnr_db": 30, "lpips": None}


@pytest.mark.parametrize(
    ("rgb", "encoding"),
    [
        (np.zeros((64, 64), np.uint8), "png"),
        (np.zeros((64, 64, 3), np.float32), "png"),
        (np.zeros((64, 64, 3), np.uint8), "gif"),
    ],
)
def test_what_is_no_picture_is_not_encoded(rgb, encoding):
    with pytest.raises(ValueError):
        encode_message(rgb, {}, encoding)


def test_a_jpeg_straight_from_a_phone_is_turned_upright(make_rgb):
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.fromarray(make_rgb(96, 64)).save(stream, "JPEG", exif=exif)
    header = {"percast": 1, "name": "", "width": 64, "height": 96, "encoding": "jpeg"}
    rgb, _ = decode_message([json.dumps(header).encode(), stream.getvalue()])
    assert rgb.shape == (96, 64, 3)


GOOD = {"percast": 1, "name": "a", "width": 64, "height": 64, "encoding": "rgb8"}
PIXELS = bytes(64 * 64 * 3)


def png(width, height, pil_format="PNG"):
    stream = io.BytesIO()
    Image.new("RGB", (width, height)).save(stream, pil_format)
    return stream.getvalue()


def message(payload=PIXELS, **changes):
    return [json.dumps({**GOOD, **changes}).encode(), payload]


MALFORMED = {
    "no frame": [],
    "one frame": [b"{}"],
    "three frames": [*message(), b""],
    "empty header": [b"", PIXELS],
    "header not JSON": [b"{", PIXELS],
    "header not UTF-8": [b'{"percast": "\xff"}', PIXELS],
    "header a list": [b"[]", PIXELS],
    "header nested without end": [b"[" * 60000, PIXELS],
    "header too long": message(more="x" * 65536),
    "a pickle": [b"\x80\x04N.", PIXELS],
    "no version": message(percast=None),
    "another version": message(percast=2),
    "no name": message(name=None),
    "name not text": message(name=7),
    "name half a surrogate": message(name="\ud800"),
    "width true": message(width=True),
    "width a float": message(width=64.0),
    "width text": message(width="64"),
    "width 0": message(width=0),
    "height negative": message(height=-64),
    "width with 5000 digits": [b'{"percast":1,"width":' + b"9" * 5000 + b"}", PIXELS],
    "rgb8 too short": message(PIXELS[:-1]),
    "rgb8 too long": message(PIXELS + b"\0"),
    "unknown encoding": message(encoding="gif"),
    "encoding a list": message(encoding=["png"]),
    "png with garbage": message(b"garbage", encoding="png"),
    "png truncated": message(png(64, 64)[:-30], encoding="png"),
    "png of another size": message(png(64, 65), encoding="png"),
    "png on its side": message(png(96, 64), encoding="png", width=64, height=96),
    "tiff called png": message(png(64, 64, "TIFF"), encoding="png"),
    "jpeg called webp": message(png(64, 64, "JPEG"), encoding="webp"),
    "png bomb": message(png(9000, 9000), encoding="png"),
    "png bomb announced": message(png(9000, 9000), encoding="png", width=9000, height=9000),
}


@pytest.mark.parametrize("parts", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_message_is_refused(parts, recwarn):
    with pytest.raises(MalformedMessage):
        decode_message(parts)
    assert not recwarn.list


def test_the_limit_holds_for_the_payload_and_for_the_decoded_picture():
    with pytest.raises(MalformedMessage, match="limit"):
        decode_message(message(), max_bytes=len(PIXELS) - 1)
    with pytest.raises(MalformedMessage, match="limit"):
        decode_message(message(png(64, 64), encoding="png"), max_bytes=len(PIXELS) - 1)
    decode_message(message(png(64, 64), encoding="png"), max_bytes=len(PIXELS))
