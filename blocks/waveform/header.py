# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet header: one byte table, here and nowhere else."""

import struct
import zlib
from dataclasses import dataclass
from fractions import Fraction

from percast.engines.codecs.contract import CodedImage

VERSION = 1
MAX_SYMBOLS = 1 << 20  # 2160 x 2160 pixels at a channel bandwidth ratio of 1/16 take 874,800

# field, struct code (network byte order), what it is
TABLE = (
    ("version", "B", "format of this header"),
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
_LAYOUT = struct.Struct(">" + "".join(code for _, code, _ in TABLE))
HEADER_BYTES = _LAYOUT.size + 4  # with the CRC-32


@dataclass(frozen=True)
class Header:
    """One packet's header, so that a receiver needs no side channel; fields as in `TABLE`,
    in the units of the rest of the program."""

    session: int
    image: int
    packet: int
    packets: int
    width: int
    height: int
    cbr: Fraction
    symbols: int
    codec: int
    codec_word: int
    model: bytes
    design_snr_db: float
    realism: float
    seed: int
    callsign: str
    timestamp_us: int

    @classmethod
    def of(
        cls,
        coded: CodedImage,
        symbols: int,
        session: int,
        image: int,
        callsign: str,
        timestamp_us: int,
    ) -> "Header":
        """The header of a whole picture, as if it fitted into one packet.

        Args:
            coded: the codec's part.
            symbols: of the whole picture.
            session, image, callsign, timestamp_us: see `TABLE`.
        """
        return cls(
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

    @property
    def coded(self) -> CodedImage:
        """The codec's part."""
        return CodedImage(
            width=self.width,
            height=self.height,
            cbr=self.cbr,
            codec_id=self.codec,
            codec_word=self.codec_word,
            model_id=self.model,
            design_snr_db=self.design_snr_db,
            realism=self.realism,
        )

    def pack(self) -> bytes:
        """The `HEADER_BYTES` bytes that are sent, CRC-32 (IEEE 802.3) last.

        Raises:
            ValueError: a field does not fit its place in the table.
        """
        if len(self.model) != 4 or len(self.callsign) > 10:
            raise ValueError(f"header field out of range: {self.model!r}, {self.callsign!r}")
        try:
            body = _LAYOUT.pack(
                VERSION, self.session, self.image, self.packet, self.packets,
                self.width, self.height, self.cbr.numerator, self.cbr.denominator,
                self.symbols, self.codec, self.codec_word, self.model,
                round(self.design_snr_db * 4), round(self.realism * 255), self.seed,
                self.callsign.encode("ascii"), self.timestamp_us,
            )  # fmt: skip
        except (struct.error, OverflowError, UnicodeEncodeError) as error:
            raise ValueError(f"header field out of range: {error}") from error
        return body + zlib.crc32(body).to_bytes(4, "big")

    @classmethod
    def unpack(cls, data: bytes) -> "Header | None":
        """A header from `HEADER_BYTES` bytes, or None: wrong CRC, another version, nonsense."""
        body, crc = data[:-4], data[-4:]
        if len(data) != HEADER_BYTES or zlib.crc32(body) != int.from_bytes(crc, "big"):
            return None
        f = dict(zip((name for name, _, _ in TABLE), _LAYOUT.unpack(body), strict=True))
        sensible = (
            f["version"] == VERSION
            and f["packet"] < f["packets"] <= max(f["symbols"], 1)
            and 0 < f["symbols"] <= MAX_SYMBOLS
            and f["cbr_den"] > 0
        )
        if not sensible:
            return None
        header = cls(
            session=f["session"], image=f["image"], packet=f["packet"], packets=f["packets"],
            width=f["width"], height=f["height"], cbr=Fraction(f["cbr_num"], f["cbr_den"]),
            symbols=f["symbols"], codec=f["codec"], codec_word=f["codec_word"],
            model=f["model"], design_snr_db=f["design_snr"] / 4, realism=f["realism"] / 255,
            seed=f["seed"],
            callsign=f["callsign"].rstrip(b"\0").decode("ascii", "replace"),
            timestamp_us=f["timestamp"],
        )  # fmt: skip
        # The receiver encodes the header again, to learn the channel from it: a header that would
        # come out otherwise than it came in is none of ours.
        try:
            return header if header.pack() == data else None
        except ValueError:
            return None
