# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine is a compiled network behind one call: `run({name: array}) -> {name: array}`.

`open_engine` compiles an ONNX file with whichever runtime is asked for or fits this machine. All
runtimes compute the same function; they differ in speed and precision.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from percast.errors import ModelError, UsageError

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32]

CPU_ENGINES = ("openvino", "onnxruntime")
"""Engines that run on any machine, the preferred one first."""

ENGINES = ("tensorrt", *CPU_ENGINES, "torch")
"""All engines, the preferred one first; torch is there to compare the others with."""

PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8")


class Engine(ABC):
    """A compiled network.

    `run` may be called from any thread; calls of several threads take turns.

    Attributes:
        name: of the runtime, one of `ENGINES`.
        precision: of the arithmetic, one of `PRECISIONS` but "auto"; inputs and outputs are
            always float32.
        device: that computes, in the runtime's words.
        threads: that it computes with.
        reason: one line, which engine this is and why it was picked.
        device_bytes: GPU memory that this process has taken since the engine was opened, or ever;
            0 on a CPU.
        inputs, outputs: names of the network's tensors.
        batch_pixels: pixels, over all pictures of a batch, up to which one run on several
            pictures is clearly faster than one run on each; 0 where that never is.
    """

    name: str
    precision: str
    device: str
    threads: int
    reason: str = ""
    device_bytes: int = 0
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    batch_pixels: int = 0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False

    def run(self, inputs: Mapping[str, npt.NDArray]) -> dict[str, FloatArray]:
        """Computes the network once.

        Args:
            inputs: one array for each of the network's inputs, of the shapes in the manifest;
                cast to float32 where they are not.

        Returns:
            One new float32 array for each output; a later run does not touch it.

        Raises:
            ValueError: missing or unknown input names.
            ModelError: the runtime failed, or the engine was closed.
        """
        if set(inputs) != set(self.inputs):
            raise ValueError(f"inputs {sorted(inputs)} given, {sorted(self.inputs)} expected")
        arrays = {
            name: np.ascontiguousarray(array, dtype=np.float32) for name, array in inputs.items()
        }
        with self._lock:
            if self._closed:
                raise ModelError(f"the {self.name} engine is closed: open it again")
            return self._run(arrays)

    def close(self) -> None:
        """Frees the network; later runs raise `ModelError`. Closing twice does no harm."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._close()

    def mark_verified(self, result: Mapping[str, object]) -> None:
        """Told that `percast engine verify` found the results right; nothing to do on a CPU.

        Raises:
            FileError: it cannot be remembered.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _run(self, inputs: dict[str, FloatArray]) -> dict[str, FloatArray]: ...

    @abstractmethod
    def _close(self) -> None: ...


def open_engine(
    onnx_path: str | Path, engine: str = "auto", precision: str = "auto", threads: int = 1
) -> Engine:
    """Compiles an ONNX network for this machine.

    Args:
        onnx_path: the network.
        engine: one of `ENGINES`, or "auto": TensorRT where all that it needs is here and `percast
            engine verify` has found its results right, else the first of `CPU_ENGINES` that loads.
        precision: one of `PRECISIONS`; "auto" is fp16 on a GPU; on a CPU int8 where it was built
            and verified to be good and faster there, else bf16 where it is native, else fp32.
        threads: to compute with. One is best beside a live flow graph.

    Raises:
        UsageError: no such engine or precision, or no threads.
        ModelError: the engine is not here, cannot do the precision, or cannot read the network.
    """
    known = ("auto", *ENGINES)
    if engine not in known:
        raise UsageError(f"no engine '{engine}': use one of {', '.join(known)}")
    if precision not in PRECISIONS:
        raise UsageError(f"no precision '{precision}': use one of {', '.join(PRECISIONS)}")
    if threads < 1:
        raise UsageError(f"{threads} threads: an engine needs at least 1")
    path = Path(onnx_path)
    if not path.is_file():
        raise ModelError(f"no such network: {path}")
    if engine == "auto":
        opened, why = _open_best(path, precision, threads)
    else:
        opened, why = _load(engine)(path, precision, threads), "as asked"
    opened.reason = (
        f"{opened.name} {opened.precision} on {opened.device}, {threads} thread(s): {why}; "
        f"precision {_why_precision(precision, opened)}"
    )
    log.info("%s: %s", path.name, opened.reason)
    return opened


def _load(name: str) -> type[Engine]:
    """The engine's class. Imported only when used: a runtime costs up to a second and 100 MB."""
    if name == "tensorrt":
        from percast.engines.runtime_tensorrt import TensorRtEngine

        return TensorRtEngine
    if name == "openvino":
        from percast.engines.runtime_openvino import OpenVinoEngine

        return OpenVinoEngine
    if name == "torch":
        from percast.engines.runtime_torch import TorchEngine

        return TorchEngine
    from percast.engines.runtime_onnxruntime import OnnxRuntimeEngine

    return OnnxRuntimeEngine


def _open_best(path: Path, precision: str, threads: int) -> tuple[Engine, str]:
    """TensorRT if it is fit for use here, else the best engine of the CPU; and why."""
    from percast.engines.tensorrt_plans import find_verified

    try:
        found = find_verified(path, precision)
        engine = _load("tensorrt")(path, precision, threads, found)
    except ModelError as error:  # a GPU may also be full, or lost
        runtime, why = _first_that_loads()
        return runtime(path, precision, threads), f"{why}; no tensorrt, as {error}"
    return engine, "there is a GPU, and its results were verified"


def _first_that_loads() -> tuple[type[Engine], str]:
    failures = []
    for name in CPU_ENGINES:
        try:
            runtime = _load(name)
        except ModelError as error:
            failures.append(str(error))
        else:
            first = f"the first of {', '.join(CPU_ENGINES)} that loads"
            return runtime, "; ".join([first, *failures])
    raise ModelError("no engine can be loaded: " + "; ".join(failures))


def _why_precision(asked: str, engine: Engine) -> str:
    if asked != "auto":
        return "as asked"
    if engine.name == "tensorrt":
        return "picked because GPUs are fastest in it"
    if engine.precision == "int8":
        return "picked because it was verified and is faster on this CPU"
    if engine.precision == "bf16":
        return "picked because this CPU computes bf16 natively"
    if engine.name == "torch":
        return "that of the reference"
    if engine.name == "onnxruntime":
        return "the only one of onnxruntime here"
    return "picked because this CPU has no native bf16"
