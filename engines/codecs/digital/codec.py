# SPDX-License-Identifier: GPL-3.0-or-later
"""An engineered link as a codec: a picture format, 5G's LDPC code and QAM.

A picture takes exactly as many symbols as with the learned code at the same rate: a whole number of
planes with a symbol for each of the ceil(H/16) x ceil(W/16) positions. They carry one transport
block, and that the picture's bytes and then noise. The header's codec word says the rest:

    bits 0 to 4    scheme of modulation and coding
    bits 5 to 11   mean power of the symbols as they left the mapper, in 1/32 dB from -2 dB
    bits 12 to 31  bytes of the picture
"""

from abc import abstractmethod
from collections.abc import Collection, Sequence
from fractions import Fraction
from math import log10
from typing import NamedTuple, Self

import numpy as np

from percast.engines.codecs.config import DEFAULTS, CodecConfig
from percast.engines.codecs.contract import (
    MAX_SIDE,
    MIN_SIDE,
    ROLES,
    Codec,
    CodecFault,
    CodedImage,
    Decoded,
    NoiseVariance,
    Picture,
    Received,
    Symbols,
    Undecodable,
)
from percast.engines.codecs.digital.modulation import demodulate, modulate
from percast.engines.codecs.digital.schemes import SCHEMES, Scheme, check_mcs, choose_scheme
from percast.engines.codecs.digital.sources import Source
from percast.engines.codecs.digital.transport import Transport
from percast.engines.pictures import BadPicture
from percast.errors import UsageError

STRIDE = 16
"""Pixels, both ways, from one symbol of a plane to the next, as in the learned code."""

_PLANES = range(4, 257)  # from 1/192
_GREY = 128
_POWER_STEPS, _POWER_ZERO = 32, 64  # per dB, at 0 dB
_MOST_BYTES = (1 << 20) - 1


class DoesNotFit(CodecFault):
    """Even the coarsest picture takes more bytes than the symbols carry; it is left out."""


class _Word(NamedTuple):
    """The header's codec word."""

    scheme: int
    power_db: float
    size: int

    def pack(self) -> int:
        power = min(max(round(self.power_db * _POWER_STEPS) + _POWER_ZERO, 0), 2 * _POWER_ZERO - 1)
        return self.scheme | power << 5 | self.size << 12

    @classmethod
    def unpack(cls, word: int) -> "_Word":
        power_db = ((word >> 5 & 2 * _POWER_ZERO - 1) - _POWER_ZERO) / _POWER_STEPS
        return cls(word & 31, power_db, word >> 12)


class DigitalCodec(Codec):
    """A picture format behind LDPC and QAM; see `percast.engines.codecs.contract.Codec`.

    Subclasses say which format.

    Args:
        config: `mcs` is the scheme; "auto" takes the fastest that gets through AWGN of the design
            SNR, "rayleigh" through a channel where each symbol fades by itself; `conceal` what
            `Undecodable` has to show: "none", the "last" picture, "grey".
        roles: see there.

    Raises:
        UsageError: a rate or a scheme that there is not, or what the format needs is missing.
    """

    has_realism = False

    def __init__(self, config: CodecConfig = DEFAULTS, roles: Collection[str] = ROLES):
        check_mcs(config.mcs)
        self._mcs = config.mcs
        super().__init__(config, roles)
        self._source = self._open_source() if self.roles else None
        self._conceal = config.conceal
        self._last: Picture | None = None

    @classmethod
    def open(cls, config: CodecConfig, roles: Collection[str]) -> "DigitalCodec":
        return cls(config, roles)

    @abstractmethod
    def _open_source(self) -> Source:
        """What makes bytes of pictures, and pictures of bytes."""

    @property
    def scheme(self) -> Scheme:
        """That pictures are sent with."""
        return choose_scheme(self._mcs, self.design_snr_db)

    def with_scheme(self, index: int) -> Self:
        """The same codec with another scheme."""
        other = self.at()
        other._mcs = str(index)
        return other

    def check_aim(self) -> None:
        super().check_aim()
        if "encode" in self.roles:
            _ = self.scheme

    def check_rate(self, cbr: Fraction) -> None:
        planes = cbr * 3 * STRIDE**2
        if planes.denominator > 1 or planes not in _PLANES:
            raise UsageError(
                f"{self.kind} has no rate {cbr}: use n/768, n being "
                f"{_PLANES[0]} (1/192) to {_PLANES[-1]} (1/3)"
            )

    def symbol_count(self, height: int, width: int, cbr: Fraction) -> int:
        self.check_rate(cbr)
        return int(cbr * 3 * STRIDE**2) * -(-height // STRIDE) * -(-width // STRIDE)

    def encode(self, rgb: Picture) -> tuple[CodedImage, Symbols]:
        """A picture as symbols of unit mean power, and what the header must say.

        Raises:
            UsageError: a side is too small or too large.
            DoesNotFit: even the coarsest picture takes more bytes than these symbols carry.
        """
        height, width = rgb.shape[:2]
        if not (MIN_SIDE <= min(height, width) and max(height, width) <= MAX_SIDE):
            raise UsageError(
                f"a picture of {width}x{height} cannot be sent, "
                f"its sides must have {MIN_SIDE} to {MAX_SIDE} pixels: use --size"
            )
        transport = Transport(self.symbol_count(height, width, self.cbr), self.scheme)
        room = min(transport.size, _MOST_BYTES)
        data = self._source.encode_within(rgb, room)
        if data is None:
            raise DoesNotFit(
                f"{self._source.name} needs more than {room} bytes for a picture of "
                f"{width}x{height}: give a higher --cbr, --design-snr or --mcs"
            )
        # Noise, because a long run of the same bits would not have the mean power of all symbols.
        rest = np.random.default_rng(len(data)).bytes(transport.size - len(data))
        symbols = modulate(transport.encode(data + rest), transport.scheme.bits_per_symbol)
        power = float(np.vdot(symbols, symbols).real) / len(symbols)
        word = _Word(transport.scheme.index, 10 * log10(power), len(data))
        return self.coded(height, width, word.pack()), symbols * np.float32(power**-0.5)

    def decode(
        self,
        coded: CodedImage,
        symbols: Symbols,
        noise_var: NoiseVariance,
        realism: float | None = None,
    ) -> Picture:
        """The picture from what arrived, all of it or nothing.

        Args:
            coded: from the header.
            symbols: complex64 [n].
            noise_var: float32 [n]; what is infinite, negative or not a number never arrived.
            realism: makes no difference.

        Raises:
            Undecodable: bits are wrong, or they are no such picture.
            ModelError: another codec made it.
        """
        return self.decode_batch([(coded, symbols, noise_var)], realism)[0].picture

    def decode_batch(
        self, received: Sequence[Received], realism: float | None = None
    ) -> list[Decoded]:
        decoded = []
        for coded, symbols, noise_var in received:
            word = _Word.unpack(coded.codec_word)
            figures = {}
            if word.scheme < len(SCHEMES):
                figures = {"bits_per_symbol": SCHEMES[word.scheme].information}
            try:
                self._last = self._decode(coded, word, symbols, noise_var)
            except Undecodable as error:
                raise Undecodable(str(error), figures, self._instead(coded)) from error
            decoded.append(Decoded(self._last, figures))
        return decoded

    def _instead(self, coded: CodedImage) -> Picture | None:
        """What is shown in place of a picture."""
        if self._conceal == "none":
            return None
        shape = (coded.height, coded.width, 3)
        if self._conceal == "last" and self._last is not None and self._last.shape == shape:
            return self._last
        return np.full(shape, _GREY, np.uint8)

    def _decode(
        self, coded: CodedImage, word: _Word, symbols: Symbols, noise_var: NoiseVariance
    ) -> Picture:
        expected = self.symbols_expected(coded)
        if symbols.shape != (expected,) or noise_var.shape != (expected,):
            raise ValueError(f"{symbols.shape} symbols with {noise_var.shape} noise variances")
        if word.scheme >= len(SCHEMES):
            raise Undecodable(f"its header names a scheme {word.scheme}, which there is not")
        transport = Transport(expected, SCHEMES[word.scheme])
        if word.size > transport.size:
            raise Undecodable("its header promises more bytes than its symbols carry")
        scale = np.float32(10 ** (word.power_db / 20))
        with np.errstate(over="ignore", invalid="ignore"):  # whatever the radio made of it
            symbols, noise_var = symbols * scale, noise_var * scale**2
        llr = demodulate(symbols, noise_var, transport.scheme.bits_per_symbol)
        data = transport.decode(llr)
        if data is None:
            raise Undecodable("bits are wrong: the channel is worse than the scheme allows for")
        try:
            return self._source.decode(data[: word.size], coded.height, coded.width)
        except BadPicture as error:
            raise Undecodable(str(error)) from error


class HevcLdpc(DigitalCodec):
    """HEVC intra."""

    name, codec_id = "hevc-ldpc", 2

    def _open_source(self) -> Source:
        from percast.engines.codecs.digital.hevc import Hevc

        return Hevc()


class VvcLdpc(DigitalCodec):
    """VVC intra."""

    name, codec_id = "vvc-ldpc", 3

    def _open_source(self) -> Source:
        from percast.engines.codecs.digital.vvc import Vvc

        return Vvc()


class JpegLdpc(DigitalCodec):
    """JPEG."""

    name, codec_id = "jpeg-ldpc", 4

    def _open_source(self) -> Source:
        from percast.engines.codecs.digital.still import Still

        return Still("jpeg")


class WebpLdpc(DigitalCodec):
    """WebP."""

    name, codec_id = "webp-ldpc", 5

    def _open_source(self) -> Source:
        from percast.engines.codecs.digital.still import Still

        return Still("webp")
