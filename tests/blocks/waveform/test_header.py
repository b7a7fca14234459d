# SPDX-License-Identifier: GPL-3.0-or-later
import zlib
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from percast.blocks.waveform.coding import header_code
from percast.blocks.waveform.formats.kinds import KINDS, LONG
from percast.blocks.waveform.formats.table import VERSION, header_bytes
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.transmit import header_carriers
from percast.engines.codecs.contract import CodedImage

BITS = 8 * header_bytes(VERSION)
LENGTH = LONG.header_symbols * 192
VERSIONS = (1, 2)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("callsign", ["", "W1AW", "w1aw/p-~10"])
def test_a_header_comes_back_as_it_was(link, version, callsign):
    header = link.header(
        image=2**32 - 1, callsign=callsign, design_snr_db=-2.25, symbols=1 << 20, packets=86,
        packet=85, width=2160, height=64, timestamp_us=2**64 - 1, version=version,
    )  # fmt: skip
    packed = header.pack()
    assert len(packed) == header_bytes(version)
    assert Header.unpack(packed) == header


def test_what_a_codec_must_tell_its_receiver_comes_back_to_it():
    coded = CodedImage(
        width=768, height=512, cbr=Fraction(1, 48), codec_id=3, codec_word=2**32 - 2,
        model_id=b"abcd", design_snr_db=-0.25, realism=51 / 255,
    )  # fmt: skip
    header = Header.of(coded, 24_576, 2**32 - 1, 9, "W1AW", 77)
    assert Header.unpack(header.pack()) == header
    assert header.coded == coded
    assert (header.symbols, header.image, header.timestamp_us) == (24_576, 9, 77)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_flipped_bit_is_noticed(link, version):
    packed = np.frombuffer(link.header(version=version).pack(), np.uint8)
    for bit in range(8 * header_bytes(version)):
        damaged = packed.copy()
        damaged[bit // 8] ^= 1 << (bit % 8)
        assert Header.unpack(damaged.tobytes()) is None


def test_another_version_is_not_read(link):
    body = bytes([99]) + link.header().pack()[1:-4]
    assert Header.unpack(body + zlib.crc32(body).to_bytes(4, "big")) is None


def test_a_field_out_of_range_is_refused(link):
    with pytest.raises(ValueError, match="out of range"):
        link.header(width=70000).pack()
    with pytest.raises(ValueError, match="out of range"):
        link.header(callsign="Ä").pack()
    with pytest.raises(ValueError, match="out of range"):
        link.header(width=4096).pack()
    with pytest.raises(ValueError, match="seed 8 of session 7"):
        link.header(seed=8).pack()
    for wrong in ({"callsign": "12345678901"}, {"model": b"abcde"}, {"design_snr_db": np.inf}):
        with pytest.raises(ValueError, match="out of range"):
            link.header(**wrong).pack()


def resealed(packed: bytes, offset: int, value: bytes) -> bytes:
    """A header with other bytes at a place, under a CRC that fits."""
    body = packed[:offset] + value + packed[offset + len(value) : -4]
    return body + zlib.crc32(body).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("version", "offset", "value"),
    [
        (1, 20, (1 << 21).to_bytes(4, "big")),  # more symbols than any picture has
        (1, 20, bytes(4)),  # none at all
        (1, 9, b"\x00\x07"),  # packet 7 of 1
        (1, 17, b"\x02\x00\x60"),  # 2/96 in place of 1/48: not how it would be written
        (1, 18, b"\x00\x00"),  # a rate of 1/0
        (1, 37, b"\xe9"),  # a callsign that is not ASCII
        (2, 17, ((1 << 20) + 1).to_bytes(3, "big")),
        (2, 17, bytes(3)),
        (2, 9, b"\x07"),
        (2, 14, b"\x02\x00\x60"),
        (2, 15, b"\x00\x00"),
        (2, 39, b"\x01"),  # the two bits behind the callsign
    ],
)
def test_a_nonsensical_header_with_a_right_crc_is_not_read(link, version, offset, value):
    packed = link.header(version=version).pack()
    assert Header.unpack(packed) is not None
    assert Header.unpack(resealed(packed, offset, value)) is None


@pytest.mark.parametrize(("kind", "snr_db", "most"), [("long", -5, 0), ("short", -1.75, 1)])
def test_each_code_survives_less_than_its_link_has(kind, snr_db, most):
    """Of 100 headers with a perfect channel estimate; the SNR is the payload's."""
    kind = KINDS[kind]
    snr_db += kind.boost_db
    per_symbol = kind.bits_per_symbol
    length = kind.header_symbols * 192 * per_symbol
    rng = np.random.default_rng(3)
    noise = 10 ** (-snr_db / 10) * per_symbol  # over the power of one bit
    lost = 0
    for _ in range(100):
        bits = rng.integers(0, 2, BITS).astype(np.uint8)
        sent = header_code.encode(bits, length)
        received = sent + rng.standard_normal(length) * np.sqrt(noise / 2)
        right = partial(np.array_equal, bits)
        lost += header_code.decode(4 * received / noise, BITS, right) is None
    assert lost <= most


@pytest.mark.parametrize("kind", KINDS)
def test_the_codeword_is_defined_to_the_bit(link, kind):
    """The wire format: a change here makes old recordings unreadable."""
    header = link.header(version=KINDS[kind].version)
    coded = header_carriers(link.profile.of(kind), header).ravel()
    bits = np.sign(coded.view(np.float32))
    assert int((bits * np.arange(1, len(bits) + 1)).sum()) == GOLDEN_SUMS[kind]


GOLDEN_SUMS = {"version-1": -69652, "long": 85702, "short-unboosted": 38900, "short": 38900}
