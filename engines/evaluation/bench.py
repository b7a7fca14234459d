# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast engines are, each beside a reference that is timed in the same run.

Candidates take turns, picture by picture, so that whatever else the machine does meets all of them
alike: their ratios can be trusted where their times cannot.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from percast.engines.evaluation.verify import Candidate
from percast.engines.manifest import Model, load_model
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.engine import Engine, FloatArray
from percast.engines.runtimes.samples import inputs_of
from percast.errors import ModelError

REFERENCE = Candidate("onnxruntime", "fp32")
"""It runs everywhere, so figures of several machines can be compared."""


@dataclass(frozen=True)
class Row:
    """One candidate at one size and batch.

    Attributes:
        model: name of the model.
        engine, precision, threads: the candidate.
        width, height: of the pictures, pixels.
        batch: pictures at once.
        encode_ms, decode_ms: median times of the encoder and of the generator, for a batch.
        latency_ms_p50, latency_ms_p99: of a batch through both, one after the other.
        images_per_second: of one batch after the other through both.
        memory_mb: that opening and running both takes in a process of its own.
        gpu_mb: GPU memory that both take there; 0 on a CPU.
        speed: images per second over those of the reference.
    """

    model: str
    engine: str
    precision: str
    threads: int
    width: int
    height: int
    batch: int
    encode_ms: float
    decode_ms: float
    latency_ms_p50: float
    latency_ms_p99: float
    images_per_second: float
    memory_mb: float
    gpu_mb: float
    speed: float


@dataclass(frozen=True)
class Report:
    """What `bench` measured.

    Attributes:
        reference: whose speed is 1, with the model `of`.
        of: name of that model.
        rows: of the candidates that run here.
        skipped: the others, and why.
    """

    reference: Candidate
    of: str
    rows: list[Row]
    skipped: dict[Candidate, str]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "reference": str(self.reference),
            "reference_model": self.of,
            "rows": [asdict(row) for row in self.rows],
            "skipped": {str(candidate): why for candidate, why in self.skipped.items()},
        }


class _Entrant(NamedTuple):
    """A model in a candidate: what takes part in a race."""

    model: Model
    candidate: Candidate
    encoder: Engine
    generator: Engine


def bench(
    models: Sequence[Model],
    candidates: Iterable[Candidate],
    sizes: Sequence[tuple[int, int]] = ((256, 256),),
    batches: Sequence[int] = (1,),
    runs: int = 30,
    threads: int = 1,
    reference: Candidate = REFERENCE,
    on_row: Callable[[Row], None] = lambda row: None,
) -> Report:
    """Times encoder and generator.

    Args:
        models: compared with each other; the last one is the reference's.
        candidates: those that do not run here are skipped.
        sizes: (height, width) of pictures.
        batches: pictures at once.
        runs: of each candidate, after those that it needs to warm up.
        threads: for each engine.
        reference: whose speed is 1.
        on_row: called with each row as it is known.

    Raises:
        ModelError: the reference does not run here, or an engine fails while it runs.
    """
    skipped: dict[Candidate, str] = {}
    opened: list[_Entrant] = []
    rows: list[Row] = []
    asked = dict.fromkeys([reference, *candidates])
    try:
        for model, candidate in ((model, candidate) for candidate in asked for model in models):
            try:
                opened.append(_Entrant(model, candidate, *_open(model, candidate, threads)))
            except ModelError as error:
                if candidate == reference:
                    raise
                skipped[candidate] = str(error)
        for height, width in sizes:
            for batch in batches:
                times = _race(opened, height, width, batch, runs)
                slowest = times[len(models) - 1].sum(axis=1).mean()
                for (model, candidate, *_), seconds in zip(opened, times, strict=True):
                    memory, gpu = _memory(model, candidate, threads, height, width, batch)
                    row = _row(model, candidate, threads, height, width, batch, seconds, slowest)
                    rows.append(Row(**row, memory_mb=memory, gpu_mb=gpu))
                    on_row(rows[-1])
    finally:
        for entrant in opened:
            entrant.encoder.close()
            entrant.generator.close()
    return Report(reference, models[-1].name, rows, skipped)


def _open(model: Model, candidate: Candidate, threads: int) -> tuple[Engine, Engine]:
    engine, precision = candidate.engine, candidate.precision
    encoder = open_engine(model.encoder.path, engine, precision, threads)
    try:
        return encoder, open_engine(model.generator.path, engine, precision, threads)
    except ModelError:
        encoder.close()
        raise


def _race(
    opened: Sequence[_Entrant], height: int, width: int, batch: int, runs: int
) -> list[np.ndarray]:
    """Seconds of every run of each: [runs, 2], encoder and generator."""
    model = opened[0].model  # all models take the same
    inputs = [inputs_of(net, height, width, batch) for net in (model.encoder, model.generator)]
    times: list[list[tuple[float, float]]] = [[] for _ in opened]
    for entrant in opened:
        for engine, each in zip((entrant.encoder, entrant.generator), inputs, strict=True):
            _warm_up(engine, each)
    for _ in range(runs):
        for entrant, seconds in zip(opened, times, strict=True):
            start = time.perf_counter()
            entrant.encoder.run(inputs[0])
            between = time.perf_counter()
            entrant.generator.run(inputs[1])
            seconds.append((between - start, time.perf_counter() - between))
    return [np.array(each) for each in times]


def _warm_up(engine: Engine, inputs: Mapping[str, FloatArray]) -> None:
    for _ in range(engine.warm_up_runs):
        engine.run(inputs)


def _row(
    model: Model,
    candidate: Candidate,
    threads: int,
    height: int,
    width: int,
    batch: int,
    seconds: np.ndarray,
    reference: float,
) -> dict[str, object]:
    both = seconds.sum(axis=1)
    encode, decode = 1e3 * np.median(seconds, axis=0)
    return {
        "model": model.name,
        "engine": candidate.engine,
        "precision": candidate.precision,
        "threads": threads,
        "width": width,
        "height": height,
        "batch": batch,
        "encode_ms": float(encode),
        "decode_ms": float(decode),
        "latency_ms_p50": 1e3 * float(np.median(both)),
        "latency_ms_p99": 1e3 * float(np.percentile(both, 99)),
        "images_per_second": batch / float(both.mean()),
        "speed": float(reference / both.mean()),
    }


def _memory(
    model: Model, candidate: Candidate, threads: int, height: int, width: int, batch: int
) -> tuple[float, float]:
    """MB of RAM and of GPU memory, in a process that does nothing else."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        arguments = (model.folder, candidate, threads, height, width, batch)
        try:
            return pool.submit(_memory_here, *arguments).result()
        except BrokenProcessPool as error:
            raise ModelError(
                f"measuring the memory of {candidate} at {width}x{height} was killed: memory may "
                "be short, use smaller sizes or batches"
            ) from error


def _memory_here(
    folder: Path, candidate: Candidate, threads: int, height: int, width: int, batch: int
) -> tuple[float, float]:
    model = load_model(folder)
    inputs = [inputs_of(net, height, width, batch) for net in (model.encoder, model.generator)]
    before = resident_mb()
    pair = _open(model, candidate, threads)
    for engine, each in zip(pair, inputs, strict=True):
        _warm_up(engine, each)
    gpu = pair[0].device_bytes / 1e6  # what the process has taken since the first was opened
    after = resident_mb()
    for engine in pair:
        engine.close()
    return after - before, gpu


def resident_mb() -> float:
    """Memory of this process that is in RAM, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
