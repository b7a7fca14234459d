# SPDX-License-Identifier: GPL-3.0-or-later
"""Several small pictures in one packet with a short header.

The header is the first picture's; its `packets` is 0 and its `packet` says how many pictures there
are. Ahead of the payload comes a list of what the others have of their own, coded like the header,
then all pictures' symbols, one after another. Whatever happens to the list, the first picture
arrives as the header says.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from percast.blocks.waveform.coding import header_code
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import Profile

_ENTRY = struct.Struct(">BIQ")  # counter beyond the first picture's, codec word, timestamp
_CRC_BYTES = 4  # CRC-32 of the header with its own, and of the entries
_SENT_PER_BIT = 3  # at least


def list_symbols(profile: Profile, pictures: int) -> int:
    """QPSK symbols of the list: whole OFDM symbols."""
    bits = 8 * (_ENTRY.size * (pictures - 1) + _CRC_BYTES)
    return ceil(bits * _SENT_PER_BIT / (2 * profile.data_carriers)) * profile.data_carriers


def shared_symbols(profile: Profile, symbols: int, pictures: int) -> int:
    """Of so many pictures of so many symbols each, with the list."""
    return list_symbols(profile, pictures) + pictures * symbols


def fits(profile: Profile, symbols: int, pictures: int) -> bool:
    """Whether they may share a packet: one of usual length."""
    room = profile.kind.payload_symbols * profile.data_carriers
    small = profile.kind.long_packets and pictures >= 2
    return small and shared_symbols(profile, symbols, pictures) <= room


def sharing(profile: Profile, headers: Sequence[Header]) -> int:
    """How many of the leading pictures go into one packet; 1 for the first alone.

    Args:
        headers: of the pictures that wait, with their numbers of symbols.
    """
    first, count = headers[0], 1
    kind = profile.towards(first.design_snr_db)
    for other in headers[1:]:
        same = replace(
            other, image=first.image, codec_word=first.codec_word, timestamp_us=first.timestamp_us
        )
        near = 0 < other.image - first.image < 256
        if same != first or not near or not fits(kind, first.symbols, count + 1):
            break
        count += 1
    return count


def leading(headers: Sequence[Header]) -> Header:
    """The header that is sent for all of them."""
    return replace(headers[0], packet=len(headers), packets=0)


def listed(profile: Profile, headers: Sequence[Header]) -> np.ndarray:
    """What the others have of their own, QPSK as strong as the header, complex64 [list_symbols]."""
    first = headers[0]
    entries = b"".join(
        _ENTRY.pack(h.image - first.image, h.codec_word, h.timestamp_us) for h in headers[1:]
    )
    data = entries + _crc(leading(headers), entries)
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    coded = header_code.encode(bits, 2 * list_symbols(profile, len(headers)))
    return (coded * np.float32(np.sqrt(0.5) * profile.head_amplitude)).view(np.complex64)


def unlisted(
    profile: Profile, lead: Header, symbols: np.ndarray, noise_var: np.ndarray
) -> list[Header]:
    """The headers of all pictures of a packet; of the first only, where the list cannot be read.

    Args:
        profile: of the packet's kind.
        lead: the packet's header.
        symbols: complex64 [list_symbols], equalised.
        noise_var: float32 [list_symbols].
    """
    first = replace(lead, packet=0, packets=1)
    parts = (
        symbols.view(np.float32).reshape(-1, 2) / np.maximum(noise_var, np.float32(1e-9))[:, None]
    )
    found: list[bytes] = []

    def accept(bits: np.ndarray) -> bool:
        data = np.packbits(bits).tobytes()
        entries = data[:-_CRC_BYTES]
        if data[-_CRC_BYTES:] == _crc(lead, entries):
            found.append(entries)
        return bool(found)

    bits = 8 * (_ENTRY.size * (lead.packet - 1) + _CRC_BYTES)
    header_code.decode(np.sqrt(8.0) * profile.head_amplitude * parts.ravel(), bits, accept)
    if not found:
        return [first]
    others = [
        replace(
            first, image=(first.image + beyond) & 0xFFFFFFFF, codec_word=word, timestamp_us=time
        )
        for beyond, word, time in _ENTRY.iter_unpack(found[0])
    ]
    return [first, *others]


def _crc(lead: Header, entries: bytes) -> bytes:
    return zlib.crc32(lead.pack() + entries).to_bytes(_CRC_BYTES, "big")
