# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture as one multipart message, for programs in any language.

Two frames:
    header: JSON in UTF-8, an object with
        "percast": 1, the version of this format
        "name": str, where the picture comes from
        "width", "height": int, pixels, of the picture shown upright
        "encoding": "rgb8" | "png" | "jpeg" | "webp"
        and whatever the sender adds; received pictures carry their record ("id", metrics, ...)
    payload: the picture in that encoding; rgb8 is height x width x 3 bytes, row by row from the
        top left, red, green, blue.

A receiver that publishes has more to tell to those who subscribe to it by name, in two frames as
well: one of the `TOPICS`, and a JSON object. What these hold says `percast.tools.view.messages`.
"""

import io
import json
from collections.abc import Sequence

import numpy as np
from PIL import Image

from percast.blocks.images.records import to_json
from percast.engines.pictures import BadPicture, decode_picture

VERSION = 1
PICTURES = b"{"
"""What every picture's message begins with, and no other."""
FIGURES, AIR, SPECTRUM = TOPICS = (b"figures", b"air", b"spectrum")
"""How the link does; how its last packet came; power over frequency of the samples."""
MAX_HEADER_BYTES = 64 * 1024
MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
# encoding -> PIL's name and how to save
_COMPRESSED = {
    "png": ("PNG", {"compress_level": 1}),
    "jpeg": ("JPEG", {"quality": 95}),
    "webp": ("WEBP", {"quality": 90}),
}
ENCODINGS = ("rgb8", *_COMPRESSED)


class MalformedMessage(ValueError):
    """A message that breaks the format; it says how."""


def encode_message(rgb: np.ndarray, header_extra: dict, encoding: str = "png") -> list[bytes]:
    """The two frames of a picture.

    Args:
        rgb: uint8 [H, W, 3].
        header_extra: "name" and whatever else is to be told; the format's other keys are set here.
        encoding: One of `ENCODINGS`.

    Returns:
        [header, payload].

    Raises:
        ValueError: unknown encoding, no uint8 RGB, or a header or payload over the limits.
    """
    check_rgb(rgb)
    if encoding not in ENCODINGS:
        raise ValueError(f"encoding {encoding!r}: give one of {', '.join(ENCODINGS)}")
    height, width, _ = rgb.shape
    # A receiver that was not told the originals knows no name.
    name = header_extra.get("name") or ""
    fixed = {
        "percast": VERSION, "name": name, "width": width, "height": height, "encoding": encoding,
    }  # fmt: skip
    header = to_json({**header_extra, **fixed}).encode()
    payload = rgb.tobytes() if encoding == "rgb8" else _compress(rgb, encoding)
    if len(header) > MAX_HEADER_BYTES or len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"too long: header {len(header)} bytes, payload {len(payload)} bytes")
    return [header, payload]


def decode_message(
    parts: Sequence[bytes], max_bytes: int = MAX_PAYLOAD_BYTES
) -> tuple[np.ndarray, dict]:
    """The picture and the header of a message from anybody.

    Args:
        parts: The message's frames.
        max_bytes: Limit of the payload, and of the decoded picture.

    Returns:
        (uint8 [H, W, 3], header).

    Raises:
        MalformedMessage: anything is wrong with it; sizes are checked before pixels are decoded.
    """
    if len(parts) != 2:
        raise MalformedMessage(f"{len(parts)} frames: a header and a payload are needed")
    header_bytes, payload = parts
    if len(payload) > max_bytes:
        raise MalformedMessage(f"payload of {len(payload)} bytes: the limit is {max_bytes}")
    header = _parse_header(header_bytes)
    width, height = header["width"], header["height"]
    if width * height * 3 > max_bytes:
        raise MalformedMessage(f"{width}x{height}: over the limit of {max_bytes} bytes decoded")
    if header["encoding"] == "rgb8":
        if len(payload) != width * height * 3:
            raise MalformedMessage(f"payload of {len(payload)} bytes for {width}x{height} rgb8")
        return np.frombuffer(payload, np.uint8).reshape(height, width, 3).copy(), header
    return _decompress(payload, header["encoding"], width, height), header


def check_rgb(rgb: np.ndarray) -> None:
    """Raises `ValueError` unless `rgb` is uint8 [H, W, 3]."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"a picture is uint8 [H, W, 3], not {rgb.dtype} {list(rgb.shape)}")


def encode_png(rgb: np.ndarray) -> bytes:
    """`rgb`, uint8 [H, W, 3], as a PNG file, compressed for speed."""
    check_rgb(rgb)
    return _compress(rgb, "png")


def _compress(rgb: np.ndarray, encoding: str) -> bytes:
    pil_format, options = _COMPRESSED[encoding]
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, pil_format, **options)
    return stream.getvalue()


def _decompress(payload: bytes, encoding: str, width: int, height: int) -> np.ndarray:
    def has_stated_size(stored_width: int, stored_height: int) -> None:
        if {stored_width, stored_height} != {width, height}:  # an EXIF rotation may swap them
            raise BadPicture(f"it is {stored_width}x{stored_height}, not {width}x{height}")

    pil_format, _ = _COMPRESSED[encoding]
    try:
        rgb = decode_picture(io.BytesIO(payload), has_stated_size, formats=[pil_format])
    except BadPicture as problem:
        raise MalformedMessage(f"{encoding} payload: {problem}") from problem
    if rgb.shape[:2] != (height, width):
        raise MalformedMessage(f"{encoding} payload: it is not {width}x{height} when upright")
    return rgb


def _parse_header(data: bytes) -> dict:
    if len(data) > MAX_HEADER_BYTES:
        raise MalformedMessage(f"header of {len(data)} bytes: the limit is {MAX_HEADER_BYTES}")
    try:
        header = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise MalformedMessage("header is not a JSON object")
    if header.get("percast") != VERSION:
        raise MalformedMessage(f'header lacks "percast": {VERSION}')
    if header.get("encoding") not in ENCODINGS:
        raise MalformedMessage(f'"encoding" is none of {", ".join(ENCODINGS)}')
    for key in ("width", "height"):
        if type(header.get(key)) is not int or header[key] < 1:  # bool is an int, too
            raise MalformedMessage(f'"{key}" is not a positive whole number')
    name = header.get("name")
    if not isinstance(name, str) or any("\ud800" <= letter <= "\udfff" for letter in name):
        raise MalformedMessage('"name" is not text')
    return header
