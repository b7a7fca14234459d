# SPDX-License-Identifier: GPL-3.0-or-later
"""The codec contract: a picture becomes unit-power complex symbols and comes back.

The waveform carries symbols and a small header and knows nothing of codecs; it gives back
equalised symbols and the noise variance of each. The learned code is one codec, a digital
baseline another, your own a third (`docs/your-own-codec.md`), and all travel over the same air.
"""

import copy
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from percast.engines.codecs.config import DEFAULTS, CodecConfig
from percast.errors import ModelError, UsageError

Picture = npt.NDArray[np.uint8]
"""RGB, uint8 [H, W, 3]."""

Symbols = npt.NDArray[np.complex64]
"""complex64 [n], unit mean power over a picture."""

NoiseVariance = npt.NDArray[np.float32]
"""float32 [n], total over both dimensions of each complex symbol; infinite where none arrived."""

MIN_SIDE, MAX_SIDE = 64, 2160
"""Pixels of pictures that are sent: smaller ones leave networks no context, larger ones no
memory."""

ROLES = ("encode", "decode")

OWN_IDS = range(128, 256)
"""Codec ids of codecs that do not come with percast; their names tell those of one id apart."""

Figures = Mapping[str, float]
NO_FIGURES: Figures = MappingProxyType({})


@dataclass(frozen=True)
class CodedImage:
    """What the header carries about a picture, so that a receiver needs no side channel.

    Attributes:
        width, height: of the picture in pixels, without the codec's padding.
        cbr: nominal channel bandwidth ratio, complex channel symbols per source sample.
        codec_id: which codec made it.
        codec_word: 32 bits of the codec's own.
        model_id: first 4 bytes of the SHA-256 of the model's manifest, or of the codec's name.
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


class Decoded(NamedTuple):
    """A decoded picture, and figures of the codec's own about it, such as how many blocks it lost;
    they are written down with the picture and averaged in the report."""

    picture: Picture
    figures: Figures = NO_FIGURES


class About(NamedTuple):
    """What computes, for reports.

    Attributes:
        model: name of the model or, without one, of the codec.
        engine, precision: of the runtime; None where the codec has none of ours.
        reason: which engine this is and why it was picked, one line.
    """

    model: str
    engine: str | None
    precision: str | None
    reason: str


class Undecodable(ModelError):
    """Raised by `decode`: what arrived of this picture is too little. It is counted and written
    down as undecodable, and the link goes on.

    Attributes:
        figures: as in `Decoded`.
        instead: a picture to show in its place, uint8 [H, W, 3] as the header says, or None. It is
            not counted as decoded.
    """

    def __init__(self, reason: str, figures: Figures = NO_FIGURES, instead: Picture | None = None):
        super().__init__(reason)
        self.figures, self.instead = figures, instead


class CodecFault(ModelError):
    """A codec broke its contract at a picture, which is left out and counted; see `Checked`."""


class Decodes(Protocol):
    """What a receiver needs: a `Codec`, or the several of `percast.engines.codecs.decoders`.

    Attributes:
        first: the codec that is expected.
    """

    @property
    def first(self) -> "Codec": ...

    def decoder_for(self, coded: CodedImage) -> "Codec":
        """What decodes a picture with this header.

        Raises:
            ModelError: nothing here does.
        """
        ...


class Codec(ABC):
    """Picture to symbols and back, at one rate, for one SNR. See `docs/your-own-codec.md`.

    Must have: `encode`, `decode` and `symbol_count`; all else has defaults. Pictures are encoded in
    one thread and decoded in another, and nothing that these methods use may change meanwhile:
    `at` gives another codec for another rate.

    Args:
        config: what is asked for. Rate, SNR and realism are checked.
        roles: "encode", "decode" or both: what it will be used for. With none, only what needs no
            networks.

    Attributes:
        name: of the codec; "module:Class" unless the class has one.
        codec_id: tells receivers which codec made a picture; see `OWN_IDS`.
        model_id: 4 bytes by which both ends know that they run the same; a hash of the name unless
            set.
        rates: that it offers, as nominal channel bandwidth ratios; empty where any will do.
        snr_db: lowest and highest design SNR.
        option_names: what `config.options` may set.
        has_realism: whether `decode` makes another picture at another realism; where not, campaigns
            measure what arrived once.
        cbr, design_snr_db, realism, roles, options: asked for.

    Raises:
        UsageError: a rate, SNR, realism or option that it does not have.
    """

    name: str = ""
    codec_id: int = OWN_IDS[0]
    model_id: bytes = b""
    rates: Collection[Fraction] = ()
    snr_db: tuple[float, float] = (-30.0, 30.0)
    option_names: ClassVar[Collection[str]] = ()
    has_realism: bool = True

    def __init__(self, config: CodecConfig = DEFAULTS, roles: Collection[str] = ROLES):
        if unknown := set(roles) - {*ROLES}:
            raise ValueError(f"no such roles: {sorted(unknown)}")
        self.name = self.name or f"{type(self).__module__}:{type(self).__qualname__}"
        self.model_id = self.model_id or hashlib.sha256(self.name.encode()).digest()[:4]
        self.roles = frozenset(roles)
        self.options = dict(config.options)
        for option in self.options.keys() - {*self.option_names}:
            known = ", ".join(self.option_names) or "none"
            raise UsageError(f"codec '{self.name}' has no option '{option}'; it has {known}")
        self.cbr, self.design_snr_db = config.cbr, config.design_snr_db
        self.realism = 1.0 if config.realism is None else config.realism
        self.check_aim()

    @classmethod
    def open(cls, config: CodecConfig, roles: Collection[str]) -> Self:
        """How the registry makes one; for a class whose constructor takes other arguments."""
        return cls(config, roles)

    @classmethod
    def model_named(cls, model_id: bytes, config: CodecConfig) -> str | None:
        """`--model` of the model that a header names, where it is here; for a codec with models.

        Args:
            model_id: 4 bytes.
            config: of the receiver, whose `model` is another.
        """
        return None

    @abstractmethod
    def encode(self, rgb: Picture) -> tuple[CodedImage, Symbols]:
        """A picture as symbols of unit mean power, and what the header must say (see `coded`)."""

    @abstractmethod
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

        Raises:
            Undecodable: what arrived is too little.
        """

    @abstractmethod
    def symbol_count(self, height: int, width: int, cbr: Fraction) -> int:
        """Symbols of a picture of this size at a rate.

        Raises:
            UsageError: it does not have the rate.
        """

    def symbols_expected(self, coded: CodedImage) -> int:
        """Symbols of a picture by its header, for a receiver to know before it decodes.

        Raises:
            ModelError: this codec cannot decode it.
        """
        self.check_made_by_this(coded)
        try:
            return self.symbol_count(coded.height, coded.width, coded.cbr)
        except UsageError as error:
            raise ModelError(str(error)) from error

    @property
    def first(self) -> "Codec":
        """This codec; see `Decodes`."""
        return self

    def decoder_for(self, coded: CodedImage) -> "Codec":
        """This codec, if it is the one that made the picture; see `Decodes`."""
        if coded.codec_id != self.codec_id:
            raise ModelError(
                f"the picture was sent with codec {coded.codec_id}, "
                f"'{self.name}' is {self.codec_id}: give both ends the same --codec"
            )
        return self

    def encode_batch(self, pictures: Sequence[Picture]) -> list[tuple[CodedImage, Symbols]]:
        """What `encode` gives for each of several pictures of the same size."""
        return [self.encode(picture) for picture in pictures]

    def decode_batch(
        self, received: Sequence[Received], realism: float | None = None
    ) -> list[Decoded]:
        """What `decode` gives for each of several pictures of the same size, of any rates; a codec
        that has figures of its own gives them here."""
        return [Decoded(self.decode(*picture, realism)) for picture in received]

    def batch_to_encode(self, height: int, width: int) -> int:
        """Most pictures of this size that are worth encoding at once; 1 where no more pays."""
        return 1

    def batch_to_decode(self, height: int, width: int) -> int:
        """Most pictures of this size that are worth decoding at once; 1 where no more pays."""
        return 1

    def warm_up(self, height: int, width: int) -> None:
        """Get ready for pictures of this size, so that the first one is not late."""

    def about(self) -> About:
        """What computes, for reports."""
        return About(self.name, None, None, "a runtime of its own")

    @property
    def engine_asked(self) -> tuple[str, str] | None:
        """Engine and precision as they were asked for; None where it has none of our engines."""
        return None

    def use_engine(self, engine: str, precision: str) -> None:
        """Compute with another engine from the next picture on, from any thread; this codec and
        all that come from it by `at`.

        Args:
            engine, precision: see `percast.engines.runtimes.choose.open_engine`.

        Raises:
            UsageError: it has none of our engines, or there is no such engine.
            ModelError: the engine cannot be had; it goes on with the one that it has.
        """
        raise UsageError(f"{self.kind} has a runtime of its own")

    def at(
        self,
        cbr: Fraction | None = None,
        design_snr_db: float | None = None,
        realism: float | None = None,
    ) -> Self:
        """The same codec at another rate, design SNR or realism; None leaves them as they are.

        It costs little and shares all that this one has opened: only the first is to be closed.

        Raises:
            UsageError: it does not have them.
        """
        other = copy.copy(self)
        other.cbr = self.cbr if cbr is None else cbr
        other.design_snr_db = self.design_snr_db if design_snr_db is None else design_snr_db
        other.realism = self.realism if realism is None else realism
        other.check_aim()
        return other

    def check_aim(self) -> None:
        """Refuse a rate, SNR or realism that this codec does not have.

        Raises:
            UsageError: saying which it has.
        """
        self.check_rate(self.cbr)
        low, high = self.snr_db
        if not low <= self.design_snr_db <= high:
            raise UsageError(
                f"{self.kind} is for {low:g} to {high:g} dB: "
                f"a design SNR of {self.design_snr_db:g} dB is outside"
            )
        check_realism(self.realism)

    def check_rate(self, cbr: Fraction) -> None:
        """Refuse a rate that this codec does not have.

        Raises:
            UsageError: saying which it has.
        """
        if self.rates and cbr not in self.rates:
            usual = ", ".join(map(str, self.rates))
            raise UsageError(f"{self.kind} has no rate {cbr}: use one of {usual}")

    @property
    def kind(self) -> str:
        """What it is called in messages."""
        return f"codec '{self.name}'"

    def coded(self, height: int, width: int, codec_word: int = 0) -> CodedImage:
        """What the header must say of a picture of this size that this codec encodes."""
        return CodedImage(
            width=width,
            height=height,
            cbr=self.cbr,
            codec_id=self.codec_id,
            codec_word=codec_word,
            model_id=self.model_id,
            design_snr_db=self.design_snr_db,
            realism=self.realism,
        )

    def check_made_by_this(self, coded: CodedImage) -> None:
        """Refuse what another codec or another model has coded.

        Raises:
            ModelError: naming both.
        """
        self.decoder_for(coded)
        if coded.model_id != self.model_id:
            raise ModelError(
                f"the picture was sent with model id {coded.model_id.hex()}, here is "
                f"{self.kind} with {self.model_id.hex()}: give both ends the same"
            )

    def close(self) -> None:
        """Frees what the codec holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_realism(realism: float) -> float:
    """The realism, if it is 0 to 1.

    Raises:
        UsageError: it is not.
    """
    if not 0 <= realism <= 1:
        raise UsageError(f"a realism of {realism:g} makes no sense: give 0 (faithful) to 1")
    return realism
