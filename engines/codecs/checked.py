# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds a codec that is not ours to its contract, so that a mistake in it is one clear line and one
picture less, not a dead link.

Whatever it raises at a picture (but for `PercastError`s, which it may mean), and whatever it gives
that is no picture or makes no packet, is a `CodecFault`; the texts tell the same for the same
mistake, so that they can be counted. It costs a few microseconds a picture.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Self

import numpy as np

from percast.engines.codecs.contract import (
    MAX_SIDE,
    About,
    Codec,
    CodecFault,
    CodedImage,
    Decoded,
    NoiseVariance,
    Picture,
    Received,
    Symbols,
)
from percast.errors import ModelError, PercastError

log = logging.getLogger(__name__)

POWER = 0.89, 1.12
"""Mean power of a picture's symbols: half a decibel about 1, which the constellations of a short
digital picture may miss by chance; more would change the level on the air."""


class Checked(Codec):
    """A codec with every call checked; see `Codec`."""

    def __init__(self, codec: Codec):
        self._codec = codec
        self._complained: set[str] = set()
        self.name, self.codec_id, self.model_id = codec.name, codec.codec_id, codec.model_id
        self.rates, self.snr_db, self.roles = codec.rates, codec.snr_db, codec.roles
        self.cbr, self.design_snr_db = codec.cbr, codec.design_snr_db
        self.realism, self.options = codec.realism, codec.options
        self.has_realism = codec.has_realism
        if not (isinstance(self.model_id, bytes) and len(self.model_id) == 4):
            raise ModelError(f"{self.kind}: its model_id is {self.model_id!r} in place of 4 bytes")

    def encode(self, rgb: Picture) -> tuple[CodedImage, Symbols]:
        return self.encode_batch([rgb])[0]

    def encode_batch(self, pictures: Sequence[Picture]) -> list[tuple[CodedImage, Symbols]]:
        with self._blamed("encode"):
            encoded = [(coded, np.asarray(symbols)) for coded, symbols in
                       self._codec.encode_batch(pictures)]  # fmt: skip
            self._check(len(encoded) == len(pictures), "encode_batch left pictures out")
        return [self._sound(*one, rgb) for one, rgb in zip(encoded, pictures, strict=True)]

    def decode(
        self,
        coded: CodedImage,
        symbols: Symbols,
        noise_var: NoiseVariance,
        realism: float | None = None,
    ) -> Picture:
        return self.decode_batch([(coded, symbols, noise_var)], realism)[0].picture

    def decode_batch(
        self, received: Sequence[Received], realism: float | None = None
    ) -> list[Decoded]:
        with self._blamed("decode"):
            decoded = [
                Decoded(np.asarray(picture), {str(k): float(v) for k, v in figures.items()})
                for picture, figures in self._codec.decode_batch(received, realism)
            ]
            self._check(len(decoded) == len(received), "decode_batch left pictures out")
        for (picture, _), (coded, _, _) in zip(decoded, received, strict=True):
            due = coded.height, coded.width, 3
            self._check(
                picture.dtype == np.uint8 and picture.shape == due,
                f"decode gave {picture.dtype} {list(picture.shape)} where uint8 {list(due)} is due",
            )
        return decoded

    def symbol_count(self, height: int, width: int, cbr: Fraction) -> int:
        with self._blamed("symbol_count"):
            return int(self._codec.symbol_count(height, width, cbr))

    def symbols_expected(self, coded: CodedImage) -> int:
        if max(coded.height, coded.width) > MAX_SIDE:  # or a header could fill our memory
            raise ModelError(f"{self.kind}: no picture has {coded.width}x{coded.height} pixels")
        with self._blamed("symbols_expected"):
            return int(self._codec.symbols_expected(coded))

    def batch_to_encode(self, height: int, width: int) -> int:
        with self._blamed("batch_to_encode"):
            return int(self._codec.batch_to_encode(height, width))

    def batch_to_decode(self, height: int, width: int) -> int:
        with self._blamed("batch_to_decode"):
            return int(self._codec.batch_to_decode(height, width))

    def warm_up(self, height: int, width: int) -> None:
        with self._blamed("warm_up"):
            self._codec.warm_up(height, width)

    def about(self) -> About:
        try:
            return About(*(None if x is None else str(x) for x in self._codec.about()))
        except Exception as error:  # a report without it is better than none
            self._complain("about", error)
            return super().about()

    def at(
        self,
        cbr: Fraction | None = None,
        design_snr_db: float | None = None,
        realism: float | None = None,
    ) -> Self:
        return type(self)(self._codec.at(cbr, design_snr_db, realism))

    def close(self) -> None:
        try:
            self._codec.close()
        except Exception as error:  # all is done by now, and there are results to tell
            self._complain("close", error)

    def _sound(
        self, coded: CodedImage, symbols: np.ndarray, rgb: Picture
    ) -> tuple[CodedImage, Symbols]:
        """What `encode` gave for a picture, if it can be sent."""
        height, width = rgb.shape[:2]
        expected = self.symbol_count(height, width, self.cbr)
        self._check(
            symbols.dtype.kind == "c" and symbols.ndim == 1,
            f"encode gave {symbols.dtype} of {symbols.ndim} dimensions where complex [n] is due",
        )
        self._check(
            len(symbols) == expected and expected > 0,
            f"encode gave {len(symbols)} symbols for {width}x{height}, "
            f"symbol_count says {expected}",
        )
        with np.errstate(over="ignore", invalid="ignore"):
            symbols = symbols.astype(np.complex64, copy=False)
            power = float(np.vdot(symbols, symbols).real) / expected
        self._check(np.isfinite(power), "encode gave symbols that are no numbers")
        low, high = POWER
        self._check(
            low <= power <= high,
            f"encode gave symbols of a mean power of about {power:.0e} where 1 is due: "
            "divide them by their RMS",
        )
        right = self._codec.coded(height, width)
        self._check(
            0 <= coded.codec_word < 1 << 32
            and (coded.width, coded.height, coded.cbr) == (width, height, self.cbr)
            and (coded.codec_id, coded.model_id) == (right.codec_id, right.model_id),
            "encode gave a CodedImage of something else: make it by self.coded(height, width)",
        )
        return coded, symbols

    def _check(self, sound: bool, reason: str) -> None:
        if not sound:
            raise CodecFault(f"{self.kind}: {reason}")

    @contextlib.contextmanager
    def _blamed(self, method: str) -> Iterator[None]:
        """Whatever is raised in here is the codec's fault, but for what it may raise."""
        try:
            yield
        except PercastError:
            raise
        except (Exception, SystemExit) as error:  # a codec does not end the program
            log.info("%s: %s failed", self.kind, method, exc_info=True)
            raise CodecFault(f"{self.kind}: {method} raised {told(error)}") from error

    def _complain(self, method: str, error: Exception) -> None:
        """Say once that a method failed without which it goes on."""
        if method not in self._complained:
            self._complained.add(method)
            log.warning("%s: %s raised %s", self.kind, method, told(error))


def told(error: BaseException) -> str:
    """An exception in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
