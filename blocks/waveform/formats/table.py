# SPDX-License-Identifier: GPL-3.0-or-later
"""The header's byte tables, one for each version; `header.Header` is what they say.

Network byte order; a CRC-32 (IEEE 802.3) of all bytes before follows. Versions to come keep the
first byte and the CRC, so that receivers of today know them for what they are.
"""

import struct
import zlib
from typing import Any

VERSION = 2
"""That is sent."""

# field, struct code, what it is
_VERSION_1 = (
    ("version", "B", "format of this header: 1"),
    ("session", "I", "number of the sender's run"),
    ("image", "I", "counter of pictures in the session"),
    ("packet", "H", "counter of packets in the picture"),
    ("packets", "H", "packets of the picture"),
    ("width", "H", "pixels"),
    ("height", "H", "pixels"),
    ("cbr_num", "B", "channel bandwidth ratio: numerator"),
    ("cbr_den", "H", "... and denominator"),
    ("symbols", "I", "latent symbols of the whole picture"),
    ("codec", "B", "number of the codec; from 128 on those that percast does not bring"),
    ("codec_word", "I", "32 bits for the codec; see `percast.engines.codecs.latent`"),
    ("model", "4s", "first four bytes of the SHA-256 of the model's manifest or the codec's name"),
    ("design_snr", "b", "SNR that the sender designed for, quarter dB"),
    ("realism", "B", "sender's wish for the generator, 0..255 for 0..1"),
    ("seed", "H", "of the interleaver"),
    ("callsign", "10s", "ASCII, padded with NUL"),
    ("timestamp", "Q", "when the picture was read; see `percast.blocks.stats.clock`"),
)
# The interleaver's seed is the low half of the session's number.
_VERSION_2 = (
    ("version", "B", "format of this header: 2"),
    ("session", "I", "number of the sender's run"),
    ("image", "I", "counter of pictures in the session"),
    ("packet", "B", "counter of packets in the picture"),
    ("packets", "B", "packets of the picture"),
    ("size", "3s", "width and height in pixels, 12 bits each"),
    ("cbr_num", "B", "channel bandwidth ratio: numerator"),
    ("cbr_den", "H", "... and denominator"),
    ("symbols", "3s", "latent symbols of the whole picture"),
    ("codec", "B", "number of the codec; from 128 on those that percast does not bring"),
    ("codec_word", "I", "32 bits for the codec; see `percast.engines.codecs.latent`"),
    ("model", "4s", "first four bytes of the SHA-256 of the model's manifest or the codec's name"),
    ("design_snr", "b", "SNR that the sender designed for, quarter dB"),
    ("realism", "B", "sender's wish for the generator, 0..255 for 0..1"),
    ("callsign", "9s", "ten ASCII characters of 7 bits, padded with NUL, and two bits of 0"),
    ("timestamp", "Q", "when the picture was read; see `percast.blocks.stats.clock`"),
)
TABLES = {1: _VERSION_1, 2: _VERSION_2}
_LAYOUTS = {
    version: struct.Struct(">" + "".join(code for _, code, _ in table))
    for version, table in TABLES.items()
}
_CRC_BYTES = 4
_CALLSIGN = 10  # characters


def header_bytes(version: int) -> int:
    """Bytes of a header with its CRC-32."""
    return _LAYOUTS[version].size + _CRC_BYTES


def seal(version: int, fields: dict[str, Any]) -> bytes:
    """The bytes of a header; integers, and bytes for "model" and "callsign".

    Raises:
        struct.error, OverflowError: a field does not fit its place.
    """
    fields = {"version": version} | fields
    if version == 2:
        if fields["seed"] != fields["session"] & 0xFFFF:
            raise OverflowError(f"seed {fields['seed']} of session {fields['session']}")
        if max(fields["width"], fields["height"]) > 0xFFF:
            raise OverflowError(f"{fields['width']}x{fields['height']} pixels")
        size = fields["width"] << 12 | fields["height"]
        fields["size"] = size.to_bytes(3, "big")
        fields["symbols"] = fields["symbols"].to_bytes(3, "big")
        fields["callsign"] = _squeezed(fields["callsign"])
    layout, table = _LAYOUTS[version], TABLES[version]
    body = layout.pack(*(fields[name] for name, _, _ in table))
    return body + _crc(body)


def opened(data: bytes) -> dict[str, Any] | None:
    """Inverse of `seal`: the fields, among them "version"; None for a wrong CRC or a version that
    is not known or of another length."""
    if not is_sealed(data) or data[0] not in TABLES or len(data) != header_bytes(data[0]):
        return None
    version = data[0]
    values = _LAYOUTS[version].unpack(data[:-_CRC_BYTES])
    fields = dict(zip((name for name, _, _ in TABLES[version]), values, strict=True))
    if version == 2:
        size = int.from_bytes(fields.pop("size"), "big")
        fields |= {"width": size >> 12, "height": size & 0xFFF}
        fields["symbols"] = int.from_bytes(fields["symbols"], "big")
        fields["seed"] = fields["session"] & 0xFFFF
        fields["callsign"] = _spread(fields["callsign"])
    return fields


def later_version(data: bytes) -> int | None:
    """The version of a header whose CRC is right and whose version is yet to come; or None."""
    return data[0] if is_sealed(data) and data[0] > VERSION else None


def is_sealed(data: bytes) -> bool:
    """Whether the CRC of so many bytes is right; nothing but zeros is no header."""
    return len(data) > _CRC_BYTES and data[-_CRC_BYTES:] == _crc(data[:-_CRC_BYTES])


def _crc(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(_CRC_BYTES, "big")


def _squeezed(text: bytes) -> bytes:
    """Ten ASCII characters to 70 bits, the first one in the highest."""
    bits = 0
    for character in text.ljust(_CALLSIGN, b"\0"):
        bits = bits << 7 | character
    return (bits << 2).to_bytes(9, "big")


def _spread(data: bytes) -> bytes:
    bits = int.from_bytes(data, "big") >> 2
    return bytes(bits >> 7 * (_CALLSIGN - 1 - i) & 0x7F for i in range(_CALLSIGN))
