# SPDX-License-Identifier: GPL-3.0-or-later
"""The codec contract: a picture becomes unit-power complex symbols and comes back.

The waveform carries symbols and a small header and knows nothing of codecs; it gives back
equalised symbols and the noise variance of each. The learned code is one codec, a digital
baseline another, and both travel over the same air.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
import numpy.typing as npt

from percast.errors import UsageError

Picture = npt.NDArray[np.uint8]
"""RGB, uint8 [H, W, 3]."""

Symbols = npt.NDArray[np.complex64]
"""complex64 [n], unit mean power over a picture."""

NoiseVariance = npt.NDArray[np.float32]
"""float32 [n], total over both dimensions of each complex symbol; infinite where none arrived."""


@dataclass(frozen=True)
class CodedImage:
    """What the header carries about a picture, so that a receiver needs no side channel.

    Attributes:
        width, height: of the picture in pixels, without the codec's padding.
        cbr: nominal channel bandwidth ratio, complex channel symbols per source sample.
        codec_id: which codec made it.
        codec_word: 32 bits of the codec's own.
        model_id: first 4 bytes of the SHA-256 of the model's manifest; zeros without a model.
        design_snr_db: SNR that the sender encoded for.
        realism: the sender's wish, 0 (faithful) to 1 (realistic); the receiver may override it.
    """

    width: int
    height: int
    cbr: Fraction
    codec_id: int
    codec_word: int
    model_id: bytes
    design_snr_db: float
    realism: float


Received = tuple[CodedImage, Symbols, NoiseVariance]
"""A picture as it arrives: what its header says, its symbols, and the noise of each."""


class Codec(Protocol):
    """Picture to symbols and back. `codec_id` tells receivers which codec made a picture.

    A codec that inherits from this class works on one picture at a time.
    """

    name: str
    codec_id: int

    def encode(self, rgb: Picture) -> tuple[CodedImage, Symbols]:
        """A picture as symbols of unit mean power, and what the header must say."""
        ...

    def decode(
        self,
        coded: CodedImage,
        symbols: Symbols,
        noise_var: NoiseVariance,
        realism: float | None = None,
    ) -> Picture:
        """The picture from what arrived.

        Args:
            coded: from the header.
            symbols: equalised; 0 where none arrived.
            noise_var: of each; infinite where none arrived.
            realism: instead of the header's.
        """
        ...

    def encode_batch(self, pictures: Sequence[Picture]) -> list[tuple[CodedImage, Symbols]]:
        """What `encode` gives for each of several pictures of the same size."""
        return [self.encode(picture) for picture in pictures]

    def decode_batch(
        self, received: Sequence[Received], realism: float | None = None
    ) -> list[Picture]:
        """What `decode` gives for each of several pictures of the same size, of any rates."""
        return [self.decode(*picture, realism) for picture in received]

    def batch_to_encode(self, height: int, width: int) -> int:
        """Most pictures of this size that are worth encoding at once; 1 where no more pays."""
        return 1

    def batch_to_decode(self, height: int, width: int) -> int:
        """Most pictures of this size that are worth decoding at once; 1 where no more pays."""
        return 1

    def symbol_count(self, coded: CodedImage) -> int:
        """Symbols of a picture, from its header.

        Raises:
            ModelError: this codec cannot decode it.
        """
        ...

    def close(self) -> None:
        """Frees what the codec holds."""
        ...


def parse_cbr(text: str) -> Fraction:
    """A channel bandwidth ratio from the command line: "1/48", or a decimal number.

    Raises:
        UsageError: not a number above 0.
    """
    # Fraction takes 1e999999999 too, and then computes with it for a very long time.
    sane = re.fullmatch(r"\d{1,6}(/\d{1,6}|\.\d{1,9})?", text.strip())
    try:
        cbr = Fraction(text) if sane else Fraction(0)
    except ZeroDivisionError:
        cbr = Fraction(0)
    if cbr <= 0:
        raise UsageError(f"'{text}' is no channel bandwidth ratio: give one like 1/48")
    return cbr
