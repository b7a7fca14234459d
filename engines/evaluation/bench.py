# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast engines are, each beside a reference that is timed in the same run.

Candidates take turns, picture by picture, so that whatever else the machine does meets all of them
alike: their ratios can be trusted where their times cannot.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from percast.engines.evaluation.verify import Candidate
from percast.engines.manifest import Model, Network, load_model
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.engine import Engine, FloatArray
from percast.errors import ModelError

WARM_UP = 2
REFERENCE = Candidate("onnxruntime", "fp32")
"""It runs everywhere, so figures of several machines can be compared."""


@dataclass(frozen=True)
class Row:
    """One candidate at one size and batch.

    Attributes:
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
        reference: whose speed is 1.
        rows: of the candidates that run here.
        skipped: the others, and why.
    """

    reference: Candidate
    rows: list[Row]
    skipped: dict[Candidate, str]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "reference": str(self.reference),
            "rows": [asdict(row) for row in self.rows],
            "skipped": {str(candidate): why for candidate, why in self.skipped.items()},
        }


def bench(
    model: Model,
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
        candidates: those that do not run here are skipped.
        sizes: (height, width) of pictures.
        batches: pictures at once.
        runs: of each candidate, after `WARM_UP` more.
        threads: for each engine.
        reference: whose speed is 1.
        on_row: called with each row as it is known.

    Raises:
        ModelError: the reference does not run here, or an engine fails while it runs.
    """
    skipped: dict[Candidate, str] = {}
    opened: dict[Candidate, tuple[Engine, Engine]] = {}
    rows: list[Row] = []
    try:
        for candidate in dict.fromkeys([reference, *candidates]):
            try:
                opened[candidate] = _open(model, candidate, threads)
            except ModelError as error:
                if candidate == reference:
                    raise
                skipped[candidate] = str(error)
        for height, width in sizes:
            for batch in batches:
                times = _race(model, opened, height, width, batch, runs)
                slowest = times[reference].sum(axis=1).mean()
                for candidate, seconds in times.items():
                    memory, gpu = _memory(model, candidate, threads, height, width, batch)
                    row = _row(candidate, threads, height, width, batch, seconds, slowest)
                    rows.append(Row(**row, memory_mb=memory, gpu_mb=gpu))
                    on_row(rows[-1])
    finally:
        for pair in opened.values():
            for engine in pair:
                engine.close()
    return Report(reference, rows, skipped)


def inputs_of(network: Network, height: int, width: int, batch: int) -> dict[str, FloatArray]:
    """Random inputs of a network for pictures of a size, rounded up to whole blocks."""
    rng = np.random.default_rng(0)
    h, w = -(-height // 16), -(-width // 16)
    sides = {"N": batch, "h": h, "w": w, "16h": 16 * h, "16w": 16 * w}
    return {
        name: rng.random([sides[side] if isinstance(side, str) else side for side in shape]).astype(
            np.float32
        )
        for name, shape in network.inputs.items()
    }


def _open(model: Model, candidate: Candidate, threads: int) -> tuple[Engine, Engine]:
    engine, precision = candidate.engine, candidate.precision
    encoder = open_engine(model.encoder.path, engine, precision, threads)
    try:
        return encoder, open_engine(model.generator.path, engine, precision, threads)
    except ModelError:
        encoder.close()
        raise


def _race(
    model: Model,
    opened: dict[Candidate, tuple[Engine, Engine]],
    height: int,
    width: int,
    batch: int,
    runs: int,
) -> dict[Candidate, np.ndarray]:
    """Seconds of every run: [runs, 2], encoder and generator."""
    inputs = [inputs_of(net, height, width, batch) for net in (model.encoder, model.generator)]
    times: dict[Candidate, list[tuple[float, float]]] = {candidate: [] for candidate in opened}
    for _ in range(WARM_UP + runs):
        for candidate, (encoder, generator) in opened.items():
            start = time.perf_counter()
            encoder.run(inputs[0])
            between = time.perf_counter()
            generator.run(inputs[1])
            times[candidate].append((between - start, time.perf_counter() - between))
    return {candidate: np.array(each[WARM_UP:]) for candidate, each in times.items()}


def _row(
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
    before = _resident_mb()
    pair = _open(model, candidate, threads)
    for engine, each in zip(pair, inputs, strict=True):
        engine.run(each)
    gpu = pair[0].device_bytes / 1e6  # what the process has taken since the first was opened
    after = _resident_mb()
    for engine in pair:
        engine.close()
    return after - before, gpu


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
