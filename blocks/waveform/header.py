# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet header; its bytes are in `formats.table`."""

import struct
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

from percast.blocks.waveform.formats.table import VERSION, opened, seal
from percast.engines.codecs.contract import CodedImage

_MOST_SHARING = 64  # pictures in one packet: an OFDM symbol each
MAX_SYMBOLS = 1 << 20  # 2160 x 2160 pixels at a channel bandwidth ratio of 1/16 take 874,800


@dataclass(frozen=True)
class Header:
    """One packet's header, so that a receiver needs no side channel; fields as in
    `formats.table.TABLES`, in the units of the rest of the program."""

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
    version: int = VERSION

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
            session, image, callsign, timestamp_us: see `formats.table`.
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
        """The bytes that are sent, CRC-32 (IEEE 802.3) last.

        Raises:
            ValueError: a field does not fit its place in the table of its version.
        """
        return self._packed

    @cached_property
    def _packed(self) -> bytes:
        if len(self.model) != 4 or len(self.callsign) > 10:
            raise ValueError(f"header field out of range: {self.model!r}, {self.callsign!r}")
        try:
            return seal(self.version, {
                "session": self.session, "image": self.image, "packet": self.packet,
                "packets": self.packets, "width": self.width, "height": self.height,
                "cbr_num": self.cbr.numerator, "cbr_den": self.cbr.denominator,
                "symbols": self.symbols, "codec": self.codec, "codec_word": self.codec_word,
                "model": self.model, "design_snr": round(self.design_snr_db * 4),
                "realism": round(self.realism * 255), "seed": self.seed,
                "callsign": self.callsign.encode("ascii"), "timestamp": self.timestamp_us,
            })  # fmt: skip
        except (struct.error, OverflowError, UnicodeEncodeError) as error:
            raise ValueError(f"header field out of range: {error}") from error

    @classmethod
    @lru_cache(maxsize=16)  # blocks hand each other the same few, packed
    def unpack(cls, data: bytes) -> "Header | None":
        """A header from its bytes, or None: wrong CRC, an unknown version, nonsense."""
        f = opened(data)
        if f is None:
            return None
        sensible = (
            (f["packet"] < f["packets"] <= max(f["symbols"], 1) or _shares(f))
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
            timestamp_us=f["timestamp"], version=f["version"],
        )  # fmt: skip
        # The receiver encodes the header again, to learn the channel from it: a header that would
        # come out otherwise than it came in is none of ours.
        try:
            return header if header.pack() == data else None
        except ValueError:
            return None


def _shares(fields: dict) -> bool:
    """Whether it is the header of several pictures' packet; see `formats.shared`."""
    several = 2 <= fields["packet"] <= _MOST_SHARING
    return fields["version"] == 2 and fields["packets"] == 0 and several
