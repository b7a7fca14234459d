# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine is a compiled network behind one call: `run({name: array}) -> {name: array}`.

`percast.engines.runtimes.choose.open_engine` compiles an ONNX file with whichever runtime is asked
for or fits this machine. All runtimes compute the same function; they differ in speed and
precision.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Self

import numpy as np
import numpy.typing as npt

from percast.errors import ModelError

FloatArray = npt.NDArray[np.float32]

CPU_ENGINES = ("openvino", "onnxruntime")
"""Engines that run on any machine, the preferred one first."""

ENGINES = ("tensorrt", *CPU_ENGINES, "torch")
"""All engines; torch last, as on a CPU it is there to compare the others with."""

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
        warm_up_runs: on inputs of one size, after which it is as fast there as it will be; of one
            thread.
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
    warm_up_runs: int = 1

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
