# SPDX-License-Identifier: GPL-3.0-or-later
"""What a codec must tell its receiver, in the packet header and out of it again."""

from percast.blocks.waveform.header import Header
from percast.engines.codecs.contract import CodedImage


def to_header(
    coded: CodedImage, symbols: int, session: int, image: int, callsign: str, timestamp_us: int
) -> Header:
    """The header of a picture, as if it fitted into one packet.

    Args:
        coded: the codec's part.
        symbols: of the whole picture.
        session, image, callsign, timestamp_us: see `Header`.
    """
    return Header(
        session=session,
        image=image,
        packet=0,
        packets=1,
        width=coded.width,
        height=coded.height,
        cbr=coded.cbr,
        symbols=symbols,
        codec=coded.codec_id,
        codec_word=coded.codec_word,
        model=coded.model_id,
        design_snr_db=coded.design_snr_db,
        realism=coded.realism,
        seed=session & 0xFFFF,
        callsign=callsign,
        timestamp_us=timestamp_us,
    )


def from_header(header: Header) -> CodedImage:
    """The codec's part of a header."""
    return CodedImage(
        width=header.width,
        height=header.height,
        cbr=header.cbr,
        codec_id=header.codec,
        codec_word=header.codec_word,
        model_id=header.model,
        design_snr_db=header.design_snr_db,
        realism=header.realism,
    )
