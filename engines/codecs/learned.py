# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned joint source-channel code as a codec.

A picture of H x W pixels, padded to whole 16 x 16 blocks, becomes a latent of up to 96 real
channels on a grid of h x w = ceil(H/16) x ceil(W/16) positions. A rate is a prefix of c channels:
channels 2i and 2i+1 are the real and imaginary part of symbol plane i, so c/2 symbols travel for
each position, and the nominal channel bandwidth ratio is (c/2) / (3 * 16 * 16) = c / 1536.

They travel with unit mean power; see `percast.engines.codecs.latent` for the level that they had
before.

Symbols are ordered as a C-contiguous array [c/2, h, w]: plane by plane, each row by row.
"""

import logging
from collections.abc import Collection, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from percast.engines.codecs.config import AUTO, CodecConfig, check_not_digital
from percast.engines.codecs.contract import (
    MAX_SIDE,
    MIN_SIDE,
    ROLES,
    About,
    Codec,
    CodedImage,
    Decoded,
    NoiseVariance,
    Picture,
    Received,
    Symbols,
    check_realism,
)
from percast.engines.codecs.latent import from_word, to_symbols, to_word, weigh, wiener_gain
from percast.engines.codecs.planes import to_picture, to_planes
from percast.engines.codecs.rates import channels_for_cbr
from percast.engines.codecs.sizes import choose
from percast.engines.manifest import Model, load_model, named_by
from percast.engines.runtimes.engine import Engine
from percast.engines.runtimes.slot import Slot, exchange
from percast.errors import ModelError, UsageError

log = logging.getLogger(__name__)

CODEC_ID = 1
MAX_BATCH = 4
"""Pictures of one run: with more, the first of them would wait too long for the last."""

_CONDITION_SNR_DB = 20.0  # the networks see SNR / 20
_MOST = 1e3  # of a latent: far above what any encoder sends, whatever a damaged header says


Engines = tuple[Engine | None, Engine | None]
"""Encoder and generator."""


class LearnedCodec(Codec):
    """Encoder and generator of one model, at one rate. See `percast.engines.codecs.contract.Codec`.

    One thread may encode while another decodes.

    Args:
        model: a `Model`, or what `load_model` takes.
        cbr: nominal channel bandwidth ratio to send; decoding takes what the header says.
        design_snr_db: SNR to encode for.
        realism: 0 (faithful) to 1 (realistic), sent to the receiver.
        engine, precision, threads: see `open_engine`.
        roles: "encode", "decode" or both; only the networks of these are loaded.
        engines: encoder and generator to use in place of opening any; either may be None. Closed
            by whoever opened them.

    Raises:
        UsageError: a rate, SNR or realism that the model does not have.
        ModelError: the model or the engine cannot be opened.
    """

    name = "learned"
    codec_id = CODEC_ID

    def __init__(
        self,
        model: Model | str,
        cbr: Fraction = CodecConfig.cbr,
        design_snr_db: float = CodecConfig.design_snr_db,
        realism: float = 1.0,
        engine: str = "auto",
        precision: str = "auto",
        threads: int = 1,
        roles: Collection[str] = ROLES,
        engines: Engines | None = None,
    ):
        self.model = model if isinstance(model, Model) else load_model(model)
        self.model_id, self.rates = self.model.id, self.model.rates
        self.snr_db = self.model.snr_db
        check_realism(realism)
        config = CodecConfig(cbr=cbr, design_snr_db=design_snr_db, realism=realism)
        super().__init__(config, roles)
        self._opened: list[Slot] = []
        if engines is None:
            engines = self._open_engines(engine, precision, threads)
        self.encoder, self.generator = engines

    @classmethod
    def open(cls, config: CodecConfig, roles: Collection[str]) -> "LearnedCodec":
        realism = 1.0 if config.realism is None else config.realism
        if config.options:
            raise UsageError(f"codec '{cls.name}' has no option '{config.options[0][0]}'")
        if {*roles} != {"decode"}:  # a receiver's are for whatever codec a header names
            check_not_digital(cls.name, config)
        model = config.model
        if model == AUTO:
            model, why = choose(config, roles=roles)
            log.info(why)
        return cls(
            model,
            config.cbr,
            config.design_snr_db,
            realism,
            config.engine,
            config.precision,
            config.threads,
            roles,
        )

    @classmethod
    def model_named(cls, model_id: bytes, config: CodecConfig) -> str | None:
        return named_by(model_id, config.model)

    def _open_engines(self, engine: str, precision: str, threads: int) -> Engines:
        """Encoder and generator, those that the roles need."""
        networks = {"encode": self.model.encoder.path, "decode": self.model.generator.path}
        opened: dict[str, Engine] = {}
        try:
            for role in ROLES:
                if role in self.roles:
                    opened[role] = Slot(networks[role], engine, precision, threads)
                    self._opened.append(opened[role])
        except BaseException:
            self.close()
            raise
        return opened.get("encode"), opened.get("decode")

    @property
    def channels(self) -> int:
        """Latent channels that it sends."""
        return channels_for_cbr(self.cbr, self.model)

    @property
    def kind(self) -> str:
        return f"model '{self.model.name}'"

    def check_rate(self, cbr: Fraction) -> None:
        channels_for_cbr(cbr, self.model)

    def about(self) -> About:
        """The generator's engine, where it is open."""
        engine = self.generator or self.encoder
        if engine is None:
            return About(self.model.name, None, None, "no engine is open")
        return About(self.model.name, engine.name, engine.precision, engine.reason)

    @property
    def engine_asked(self) -> tuple[str, str] | None:
        return self._opened[-1].asked if self._opened else None

    def use_engine(self, engine: str, precision: str) -> None:
        if not self._opened:
            super().use_engine(engine, precision)
        exchange(self._opened, engine, precision)

    def encode(self, rgb: Picture) -> tuple[CodedImage, Symbols]:
        """A picture as symbols of unit mean power, and what the header must say.

        Args:
            rgb: uint8 [H, W, 3], sides of 64 to 2160 pixels.

        Returns:
            The header's part, and complex64 [c/2 * ceil(H/16) * ceil(W/16)].

        Raises:
            UsageError: a side is too small or too large.
            ModelError: the engine failed, or computed what is no number.
        """
        return self.encode_batch([rgb])[0]

    def encode_batch(self, pictures: Sequence[Picture]) -> list[tuple[CodedImage, Symbols]]:
        """Several pictures of the same size in one run of the encoder; see `encode`.

        Raises:
            ValueError: pictures of different sizes.
        """
        if self.encoder is None:
            raise RuntimeError("this codec was opened for decoding only")
        for rgb in pictures:
            if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
                raise ValueError(f"a picture is uint8 [H, W, 3], not {rgb.dtype} {rgb.shape}")
        height, width = _common_size({rgb.shape[:2] for rgb in pictures})
        if not _size_fits(height, width):
            raise UsageError(
                f"a picture of {width}x{height} cannot be sent, "
                f"its sides must have {MIN_SIDE} to {MAX_SIDE} pixels: use --size"
            )
        condition = [self.design_snr_db / _CONDITION_SNR_DB, self._share(self.channels)]
        conditions = np.array([condition] * len(pictures), np.float32)
        inputs = {"image": to_planes(pictures, self.model.stride), "condition": conditions}
        latents = self.encoder.run(inputs)["latent"]
        return [self._coded(latent[: self.channels], height, width) for latent in latents]

    def decode(
        self,
        coded: CodedImage,
        symbols: Symbols,
        noise_var: NoiseVariance,
        realism: float | None = None,
    ) -> Picture:
        """The picture from what arrived, however little.

        A symbol that is not finite, or whose noise variance is infinite, negative or not a
        number, counts as never arrived.

        Args:
            coded: from the header.
            symbols: complex64 [n], n = `symbol_count` of the coded picture.
            noise_var: float32 [n].
            realism: 0 to 1 instead of the header's; the manifest says what both stand for.

        Returns:
            uint8 [coded.height, coded.width, 3].

        Raises:
            ModelError: coded by another model, or in a way that this model cannot; or the engine
                failed.
            UsageError: realism outside 0 to 1.
            ValueError: not as many symbols as the coded picture has.
        """
        return self.decode_batch([(coded, symbols, noise_var)], realism)[0].picture

    def decode_batch(
        self, received: Sequence[Received], realism: float | None = None
    ) -> list[Decoded]:
        """Several pictures of the same size, of any rates, in one run; see `decode`.

        Raises:
            ValueError: pictures of different sizes.
        """
        if self.generator is None:
            raise RuntimeError("this codec was opened for encoding only")
        height, width = _common_size({(coded.height, coded.width) for coded, _, _ in received})
        inputs = [self._generator_inputs(*picture, realism) for picture in received]
        images = self.generator.run(
            {name: np.stack([one[name] for one in inputs]) for name in self.generator.inputs}
        )["image"]
        return [Decoded(to_picture(image[:, :height, :width])) for image in images]

    def batch_to_encode(self, height: int, width: int) -> int:
        """Most pictures of this size that are worth encoding at once; 1 where no more pays."""
        return self._batch(self.encoder, height, width)

    def batch_to_decode(self, height: int, width: int) -> int:
        """Most pictures of this size that are worth decoding at once; 1 where no more pays."""
        return self._batch(self.generator, height, width)

    def symbol_count(self, height: int, width: int, cbr: Fraction) -> int:
        """Complex symbols of a picture of this size at a rate: c/2 for each position of the latent.

        Raises:
            UsageError: the model does not have the rate.
        """
        return self._symbols(height, width, channels_for_cbr(cbr, self.model))

    def symbols_expected(self, coded: CodedImage) -> int:
        """Complex symbols of a coded picture; the codec word tells its channels.

        Raises:
            ModelError: coded by another model, or in a way that this model cannot.
        """
        return self._symbols(coded.height, coded.width, self._check(coded)[0])

    def warm_up(self, height: int, width: int) -> None:
        """Compiles for pictures of this size now, so that the first one is not late.

        Raises:
            ModelError: the engine failed.
        """
        latents, (h, w) = self.model.latent_channels, self._grid(height, width)
        shapes = {
            "image": (3, h * self.model.stride, w * self.model.stride),
            "latent": (latents, h, w),
            "reliability": (latents // 2, h, w),
        }
        for engine, condition in ((self.encoder, 2), (self.generator, 3)):
            if engine is None:
                continue
            sizes = {**shapes, "condition": (condition,)}
            count = 1
            while count <= self._batch(engine, height, width):  # those that a worker may take
                engine.run({n: np.zeros((count, *sizes[n]), np.float32) for n in engine.inputs})
                count *= 2

    def close(self) -> None:
        """Closes the engines that this codec, or the one that it comes from by `at`, has opened."""
        for engine in self._opened:
            engine.close()

    def _symbols(self, height: int, width: int, channels: int) -> int:
        rows, columns = self._grid(height, width)
        return channels // 2 * rows * columns

    def _coded(
        self, latent: npt.NDArray[np.float32], height: int, width: int
    ) -> tuple[CodedImage, Symbols]:
        symbols, level = to_symbols(latent)
        return self.coded(height, width, to_word(self.channels, level)), symbols

    def _check(self, coded: CodedImage) -> tuple[int, float]:
        """Latent channels and level of a coded picture, if it is one for this model."""
        self.check_made_by_this(coded)
        channels, level = from_word(coded.codec_word)
        if channels % 2 or not 2 <= channels <= self.model.latent_channels:
            raise ModelError(
                f"the header asks for {channels} latent channels, "
                f"model '{self.model.name}' has {self.model.latent_channels}: update both ends"
            )
        if not _size_fits(coded.height, coded.width):
            raise ModelError(
                f"the header tells of a picture of {coded.width}x{coded.height}, "
                f"its sides must have {MIN_SIDE} to {MAX_SIDE} pixels: update both ends"
            )
        return channels, level

    def _share(self, channels: int) -> float:
        return channels / self.model.latent_channels

    def _grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the latent."""
        return -(-height // self.model.stride), -(-width // self.model.stride)

    def _batch(self, engine: Engine | None, height: int, width: int) -> int:
        if engine is None:
            return 1
        rows, columns = self._grid(height, width)
        pixels = rows * columns * self.model.stride**2
        return max(1, min(MAX_BATCH, engine.batch_pixels // pixels))

    def _generator_inputs(
        self,
        coded: CodedImage,
        symbols: Symbols,
        noise_var: NoiseVariance,
        realism: float | None,
    ) -> dict[str, npt.NDArray[np.float32]]:
        """What the generator takes for one picture, without the axis of the batch; see `decode`.

        Beyond the channels sent, latent and reliability are 0.
        """
        channels, level = self._check(coded)
        expected = self._symbols(coded.height, coded.width, channels)
        if symbols.shape != (expected,) or noise_var.shape != (expected,):
            raise ValueError(
                f"{symbols.shape} symbols with {noise_var.shape} noise variances, "
                f"{expected} expected for this picture"
            )
        wish = coded.realism if realism is None else check_realism(realism)
        low, high = self.model.realism
        symbols, reliability, snr_db = weigh(symbols, noise_var, self.model.snr_db)
        told = low + wish * (high - low)
        condition = [snr_db / _CONDITION_SNR_DB, self._share(channels), told]
        grid, latents = self._grid(coded.height, coded.width), self.model.latent_channels
        symbols, trust = symbols.reshape(-1, *grid), reliability.reshape(-1, *grid)
        latent = np.zeros((latents, *grid), np.float32)
        latent[0:channels:2], latent[1:channels:2] = symbols.real, symbols.imag
        sent = latent[:channels]
        sent *= wiener_gain(sent, trust) * np.float32(level)
        np.clip(sent, -_MOST, _MOST, out=sent)
        planes = np.zeros((latents // 2, *grid), np.float32)
        planes[: channels // 2] = trust
        return {
            "latent": latent,
            "reliability": planes,
            "condition": np.array(condition, np.float32),
        }


def _common_size(sizes: set[tuple[int, int]]) -> tuple[int, int]:
    if len(sizes) != 1:
        raise ValueError(f"pictures of one size make a batch, not of {sorted(sizes)}")
    return sizes.pop()


def _size_fits(height: int, width: int) -> bool:
    return MIN_SIDE <= min(height, width) and max(height, width) <= MAX_SIDE
