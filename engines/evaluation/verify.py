# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether engines compute what the reference computes, on real latents over rates and SNRs.

Every engine encodes the same pictures, and decodes the very symbols that the reference sent and
that the same noise was added to. LPIPS and PSNR to the original tell of the whole candidate: it
decodes what it sent itself, with the same noise. The first picture goes as a batch of two.
"""

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from math import inf, isfinite

import numpy as np

from percast.engines.codecs.contract import Picture
from percast.engines.codecs.learned import LearnedCodec
from percast.engines.evaluation.symbol_channel import SymbolChannel
from percast.engines.manifest import Model
from percast.engines.metrics import psnr
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.engine import ENGINES, Engine, FloatArray
from percast.engines.runtimes.int8_networks import MAX_LPIPS_CHANGE
from percast.errors import ModelError

Distance = Callable[[Picture, Picture], float | None]
"""LPIPS of two pictures, or None."""


@dataclass(frozen=True)
class Candidate:
    """An engine at a precision."""

    engine: str
    precision: str

    def __str__(self) -> str:
        return f"{self.engine} {self.precision}"


@dataclass(frozen=True)
class Tolerance:
    """How far an engine may be from the reference.

    Attributes:
        latent, sample: largest difference of any latent (their power is about 1/2 and they reach
            5) and of any sample of a picture (0 to 1).
        psnr_db: least PSNR between the pictures of both, rounded to 8 bits.
        lpips: largest change of the mean LPIPS to the original, either way.
    """

    latent: float
    sample: float
    psnr_db: float
    lpips: float


TOLERANCES: Mapping[str, Tolerance] = {
    "fp32": Tolerance(2e-3, 2e-3, 60, 0.001),
    "fp16": Tolerance(0.05, 0.02, 50, 0.002),
    "bf16": Tolerance(0.5, 0.1, 42, 0.005),
    "int8": Tolerance(inf, inf, 30, MAX_LPIPS_CHANGE),
}
"""By precision. OpenVINO's bf16 was measured at 0.2, 0.018, 50.6 dB and 0.0005; fp16 in ONNX
Runtime at 0.005 and 0.001."""

SNRS_DB = (0.0, 10.0, 19.0)
_CHANNEL = SymbolChannel()  # AWGN


@dataclass(frozen=True)
class Row:
    """One candidate at one rate and SNR, over all pictures.

    Attributes:
        engine, precision: the candidate.
        cbr: nominal channel bandwidth ratio, as text.
        snr_db: of the channel, and designed for.
        latent_max_abs, image_max_abs: largest differences of the networks' outputs.
        psnr_db: least between the pictures of candidate and reference; None where all are equal.
        lpips_change: of the mean LPIPS to the originals, positive where the candidate is worse;
            None without LPIPS.
        psnr_change_db: of the mean PSNR to the originals, negative where the candidate is worse.
        ok: within the tolerance.
    """

    engine: str
    precision: str
    cbr: str
    snr_db: float
    latent_max_abs: float
    image_max_abs: float
    psnr_db: float | None
    lpips_change: float | None
    psnr_change_db: float
    ok: bool


@dataclass(frozen=True)
class Report:
    """What `verify` found.

    Attributes:
        reference: that all were compared with.
        rows: of the candidates that run here.
        skipped: those that are not here, and why.
        failed: those that failed while they ran, and why; nothing of what they found.
    """

    reference: Candidate
    rows: list[Row]
    skipped: dict[Candidate, str]
    failed: dict[Candidate, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(row.ok for row in self.rows)

    def as_dict(self) -> dict[str, object]:
        """For JSON, which knows no infinity: a difference that is no number is null."""
        return {
            "ok": self.ok,
            "reference": str(self.reference),
            "rows": [
                {
                    name: None if isinstance(value, float) and not isfinite(value) else value
                    for name, value in asdict(row).items()
                }
                for row in self.rows
            ],
            "skipped": {str(candidate): why for candidate, why in self.skipped.items()},
            "failed": {str(candidate): why for candidate, why in self.failed.items()},
        }


def all_candidates() -> list[Candidate]:
    """Every engine at every precision; most do not have all."""
    return [Candidate(engine, precision) for engine in ENGINES for precision in TOLERANCES]


def best_reference() -> Candidate:
    """What to compare with: torch, which the model was made in, or else ONNX Runtime in fp32."""
    here = importlib.util.find_spec("torch") and importlib.util.find_spec("onnx")
    return Candidate("torch" if here else "onnxruntime", "fp32")


@dataclass(frozen=True)
class Comparison:
    """With what engines are compared, where, and how near they must come.

    Args:
        reference: `best_reference` if not given.
        cbrs: rates to compare at; the model's usual ones if not given.
        snrs_db: SNRs to compare at.
        threads: for each engine.
        lpips: to compute LPIPS with.
        tolerances: by precision.
    """

    reference: Candidate | None = None
    cbrs: Sequence[Fraction] | None = None
    snrs_db: Sequence[float] = SNRS_DB
    threads: int = 1
    lpips: Distance | None = None
    tolerances: Mapping[str, Tolerance] = field(default_factory=lambda: TOLERANCES)


def verify(
    model: Model,
    candidates: Iterable[Candidate],
    pictures: Sequence[Picture],
    how: Comparison = Comparison(),
    remember: bool = False,
    on_row: Callable[[Row], None] = lambda row: None,
) -> Report:
    """Compares engines with a reference.

    Args:
        candidates: those that do not run here are skipped; one that fails while it runs leaves
            the others' rows as they are.
        pictures: uint8 [H, W, 3].
        how: with what, and where.
        remember: tell the engines of candidates that passed, so that `auto` may pick them.
        on_row: called with each row as it is known.

    Raises:
        ModelError: the reference does not run here, or fails while it runs.
        FileError: a result cannot be remembered.
    """
    reference = how.reference or best_reference()
    rows: list[Row] = []
    skipped: dict[Candidate, str] = {}
    failed: dict[Candidate, str] = {}
    truths: list[list[_Truth]] = []
    with _Pair(model, reference, how.threads) as exact:
        for candidate in candidates:
            if candidate == reference:
                continue
            try:
                pair = _Pair(model, candidate, how.threads)
            except ModelError as error:
                skipped[candidate] = str(error)
                continue
            with pair:
                truths = truths or _truths(model, exact, pictures, how)
                found = []
                try:
                    for of_all_pictures in truths:
                        found.append(_row(model, pair, of_all_pictures, how))
                        on_row(found[-1])
                except ModelError as error:  # a full GPU, or a precision that it lacks after all
                    failed[candidate] = str(error)
                    continue
                if remember and all(row.ok for row in found):
                    pair.mark_verified(reference, found)
                rows += found
    return Report(reference, rows, skipped, failed)


class _Tap:
    """An engine that keeps its last output.

    It hands on 0 for what is no number, which a codec refuses: that must fail a row, not end all.
    """

    def __init__(self, engine: Engine):
        self.engine = engine
        self.inputs, self.outputs = engine.inputs, engine.outputs
        self.last: FloatArray | None = None

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        outputs = self.engine.run(inputs)
        (self.last,) = outputs.values()
        return {name: np.nan_to_num(array, posinf=0, neginf=0) for name, array in outputs.items()}


class _Pair:
    """Encoder and generator of a candidate, for all rates."""

    def __init__(self, model: Model, candidate: Candidate, threads: int):
        self.candidate = candidate
        engine, precision = candidate.engine, candidate.precision
        self.encoder = _Tap(open_engine(model.encoder.path, engine, precision, threads))
        try:
            self.generator = _Tap(open_engine(model.generator.path, engine, precision, threads))
        except ModelError:
            self.encoder.engine.close()
            raise

    def codec(self, model: Model, cbr: Fraction, snr_db: float) -> LearnedCodec:
        """A codec that uses these engines."""
        return LearnedCodec(model, cbr, snr_db, engines=(self.encoder, self.generator))

    def mark_verified(self, reference: Candidate, rows: list[Row]) -> None:
        changes = [abs(row.lpips_change) for row in rows if row.lpips_change is not None]
        result = {
            "reference": str(reference),
            "lpips_change": max(changes) if len(changes) == len(rows) else None,
            "latent_max_abs": max(row.latent_max_abs for row in rows),
            "image_max_abs": max(row.image_max_abs for row in rows),
        }
        for tap in (self.encoder, self.generator):
            tap.engine.mark_verified(result)

    def __enter__(self) -> "_Pair":
        return self

    def __exit__(self, *_: object) -> None:
        self.encoder.engine.close()
        self.generator.engine.close()


class _Truth:
    """What the reference makes of a picture at a rate and SNR."""

    def __init__(
        self,
        model: Model,
        exact: _Pair,
        picture: Picture,
        cbr: Fraction,
        snr_db: float,
        lpips: Distance | None,
    ):
        self.picture, self.cbr, self.snr_db = picture, cbr, snr_db
        codec = exact.codec(model, cbr, snr_db)
        self.coded, symbols = codec.encode(picture)
        self.latent = exact.encoder.last
        self.air = _CHANNEL.air(symbols.size, 0)
        self.received = _CHANNEL.propagate(symbols, snr_db, self.air)
        self.decoded = codec.decode(self.coded, *self.received)
        self.image = exact.generator.last
        self.lpips = lpips(self.decoded, picture) if lpips else None
        self.psnr_db = psnr(self.decoded, picture)


def _truths(
    model: Model, exact: _Pair, pictures: Sequence[Picture], how: Comparison
) -> list[list[_Truth]]:
    """For each rate and SNR, what the reference makes of every picture."""
    return [
        [_Truth(model, exact, picture, cbr, snr_db, how.lpips) for picture in pictures]
        for cbr in (model.rates if how.cbrs is None else how.cbrs)
        for snr_db in how.snrs_db
    ]


def _row(model: Model, pair: _Pair, truths: Sequence[_Truth], how: Comparison) -> Row:
    cbr, snr_db = truths[0].cbr, truths[0].snr_db
    codec = pair.codec(model, cbr, snr_db)
    latents, images, alike, changes, gains = [], [], [], [], []
    for number, truth in enumerate(truths):
        copies = 1 if number else 2  # the first picture as a batch, of which the last one counts
        coded, symbols = codec.encode_batch([truth.picture] * copies)[-1]
        latents.append(_distance(pair.encoder.last, truth.latent))
        decoded = codec.decode_batch([(truth.coded, *truth.received)] * copies)[-1].picture
        images.append(_distance(pair.generator.last, truth.image))
        alike.append(psnr(decoded, truth.decoded))
        whole = codec.decode(coded, *_CHANNEL.propagate(symbols, snr_db, truth.air))
        gains.append(psnr(whole, truth.picture) - truth.psnr_db)
        if how.lpips and truth.lpips is not None:
            changes.append(how.lpips(whole, truth.picture) - truth.lpips)
    least = min(alike)
    change = float(np.mean(changes)) if changes else None
    limit = how.tolerances[pair.candidate.precision]
    return Row(
        engine=pair.candidate.engine,
        precision=pair.candidate.precision,
        cbr=str(cbr),
        snr_db=snr_db,
        latent_max_abs=max(latents),
        image_max_abs=max(images),
        psnr_db=None if least == inf else least,
        lpips_change=change,
        psnr_change_db=float(np.mean(gains)),
        # Compared so that what is no number fails.
        ok=(
            max(latents) <= limit.latent
            and max(images) <= limit.sample
            and least >= limit.psnr_db
            and (change is None or abs(change) <= limit.lpips)
        ),
    )


def _distance(found: FloatArray, expected: FloatArray) -> float:
    """Largest absolute difference, over all of a batch; infinite where it is no number, which `max`
    would hide."""
    difference = float(np.abs(found - expected).max())
    return difference if np.isfinite(difference) else inf
