# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine is a compiled network behind one call: `run({name: array}) -> {name: array}`.

`open_engine` compiles an ONNX file with whichever runtime is asked for or fits this machine. All
runtimes compute the same function; they differ in speed and precision.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from percast.errors import ModelError, UsageError

FloatArray = npt.NDArray[np.float32]

ENGINES = ("openvino", "onnxruntime")
"""Engines of this version, the preferred one first."""

PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8")

_REFUSED = {
    "tensorrt": "the tensorrt engine is not in this version of percast",
    "torch": "torch cannot run exported networks, so there is no torch engine in this version",
}


class Engine(ABC):
    """A compiled network.

    `run` may be called from any thread; calls of several threads take turns.

    Attributes:
        name: of the runtime, one of `ENGINES`.
        precision: of the arithmetic, "fp32" or "bf16"; inputs and outputs are always float32.
        device: that computes, in the runtime's words.
        threads: that it computes with.
        reason: one line, which engine this is and why it was picked.
        inputs, outputs: names of the network's tensors.
    """

    name: str
    precision: str
    device: str
    threads: int
    reason: str = ""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

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
        engine: one of `ENGINES`, or "auto" for the first of them that loads.
        precision: one of `PRECISIONS`; "auto" is bf16 where the CPU computes it natively, else
            fp32.
        threads: to compute with. One is best beside a live flow graph.

    Raises:
        UsageError: no such engine or precision, or no threads.
        ModelError: the engine is not here, cannot do the precision, or cannot read the network.
    """
    known = ("auto", *ENGINES, *_REFUSED)
    if engine not in known:
        raise UsageError(f"no engine '{engine}': use one of {', '.join(known)}")
    if precision not in PRECISIONS:
        raise UsageError(f"no precision '{precision}': use one of {', '.join(PRECISIONS)}")
    if threads < 1:
        raise UsageError(f"{threads} threads: an engine needs at least 1")
    if engine in _REFUSED:
        raise ModelError(f"{_REFUSED[engine]}: use --engine {' or '.join(ENGINES)}")
    path = Path(onnx_path)
    if not path.is_file():
        raise ModelError(f"no such network: {path}")
    if engine == "auto":
        runtime, why = _first_that_loads()
    else:
        runtime, why = _load(engine), "as asked"
    opened = runtime(path, precision, threads)
    opened.reason = (
        f"{opened.name} {opened.precision} on {opened.device}, {threads} thread(s): {why}; "
        f"precision {_why_precision(precision, opened)}"
    )
    return opened


def _load(name: str) -> type[Engine]:
    """The engine's class. Imported only when used: a runtime costs up to a second and 100 MB."""
    if name == "openvino":
        from percast.engines.runtime_openvino import OpenVinoEngine

        return OpenVinoEngine
    from percast.engines.runtime_onnxruntime import OnnxRuntimeEngine

    return OnnxRuntimeEngine


def _first_that_loads() -> tuple[type[Engine], str]:
    failures = []
    for name in ENGINES:
        try:
            runtime = _load(name)
        except ModelError as error:
            failures.append(str(error))
        else:
            return runtime, "; ".join([f"the first of {', '.join(ENGINES)} that loads", *failures])
    raise ModelError("no engine can be loaded: " + "; ".join(failures))


def _why_precision(asked: str, engine: Engine) -> str:
    if asked != "auto":
        return "as asked"
    if engine.precision == "bf16":
        return "picked because this CPU computes bf16 natively"
    if engine.name == "onnxruntime":
        return "the only one of onnxruntime here"
    return "picked because this CPU has no native bf16"
