# SPDX-License-Identifier: GPL-3.0-or-later
import zlib
from fractions import Fraction

import numpy as np
import pytest

from percast.blocks.waveform.coding import header_code
from percast.blocks.waveform.header import HEADER_BYTES, Header
from percast.engines.codecs.contract import CodedImage

BITS = 8 * HEADER_BYTES
LENGTH = 12 * 192


def test_a_header_comes_back_as_it_was(link):
    header = link.header(image=123456, callsign="W1AW", design_snr_db=-2.25)
    packed = header.pack()
    assert len(packed) == HEADER_BYTES
    back = Header.unpack(packed)
    assert back == header


def test_what_a_codec_must_tell_its_receiver_comes_back_to_it():
    coded = CodedImage(
        width=768, height=512, cbr=Fraction(1, 48), codec_id=3, codec_word=2**32 - 2,
        model_id=b"abcd", design_snr_db=-0.25, realism=51 / 255,
    )  # fmt: skip
    header = Header.of(coded, 24_576, 2**32 - 1, 9, "W1AW", 77)
    assert Header.unpack(header.pack()) == header
    assert header.coded == coded
    assert (header.symbols, header.image, header.timestamp_us) == (24_576, 9, 77)


def test_every_flipped_bit_is_noticed(link):
    packed = np.frombuffer(link.header().pack(), np.uint8)
    for bit in range(BITS):
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
    for wrong in ({"callsign": "12345678901"}, {"model": b"abcde"}, {"design_snr_db": np.inf}):
        with pytest.raises(ValueError, match="out of range"):
            link.header(**wrong).pack()


def resealed(packed: bytes, offset: int, value: bytes) -> bytes:
    """A header with other bytes at a place, under a CRC that fits."""
    body = packed[:offset] + value + packed[offset + len(value) : -4]
    return body + zlib.crc32(body).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (20, (1 << 21).to_bytes(4, "big")),  # more symbols than any picture has
        (20, bytes(4)),  # none at all
        (9, b"\x00\x07"),  # packet 7 of 1
        (17, b"\x02\x00\x60"),  # 2/96 in place of 1/48: not how it would be written
        (18, b"\x00\x00"),  # a rate of 1/0
        (37, b"\xe9"),  # a callsign that is not ASCII
    ],
)
def test_a_nonsensical_header_with_a_right_crc_is_not_read(link, offset, value):
    packed = link.header().pack()
    assert Header.unpack(packed) is not None
    assert Header.unpack(resealed(packed, offset, value)) is None


def test_the_code_survives_minus_five_db():
    rng = np.random.default_rng(3)
    noise = 10 ** (5 / 10)
    lost = 0
    for _ in range(50):
        bits = rng.integers(0, 2, BITS).astype(np.uint8)
        sent = header_code.encode(bits, LENGTH)
        received = sent + rng.standard_normal(LENGTH) * np.sqrt(noise / 2)
        decoded = header_code.decode(
            4 * received / noise, BITS, lambda b, bits=bits: bool((b == bits).all())
        )
        lost += decoded is None
    assert lost == 0


def test_the_codeword_is_defined_to_the_bit():
    """The wire format: a change here makes old recordings unreadable."""
    bits = np.arange(BITS).astype(np.uint8) % 3 % 2
    coded = header_code.encode(bits, LENGTH)
    weights = np.arange(1, LENGTH + 1)
    assert int((coded * weights).sum()) == GOLDEN_SUM


GOLDEN_SUM = -8226
