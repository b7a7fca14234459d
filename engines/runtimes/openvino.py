# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenVINO on the CPU: the default engine."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from percast.engines.runtimes import int8_networks
from percast.engines.runtimes.engine import Engine, FloatArray
from percast.engines.runtimes.openvino_core import core, openvino
from percast.errors import ModelError

_DEVICE = "CPU"
_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}
_CAPABILITIES = {"bf16": "BF16", "fp16": "FP16"}

_SIZES_KEPT = 4
"""Picture sizes that get networks of their own: about 55 MB each at 768x512."""

_BATCH_PIXELS = 4 * 64 * 64
"""Four pictures of 64x64 in one run took 0.7 to 0.8 of the time of four runs, on two cores with
AVX-512, in fp32 and bf16; at 128x128 0.85 to 0.95, and at 256x256 as long."""

_TURNS = 15
"""Runs that the speed of an int8 network is the median of."""


class OpenVinoEngine(Engine):
    """Compiles the network for each of the first few input sizes, and once for all others.

    A network compiled for one fixed size runs 4 to 6% faster than one that takes any, and its
    first picture costs about 0.1 s for compiling; a link sends one size, or few. A folder of
    pictures of many sizes must not compile for every picture. Batches of a size are compiled for
    as well: of small pictures only, and of few numbers.
    """

    name = "openvino"
    batch_pixels = _BATCH_PIXELS

    def __init__(self, path: Path, precision: str, threads: int):
        super().__init__()
        self.device = str(core.get_property(_DEVICE, "FULL_DEVICE_NAME")).strip()
        self.precision = _choose_precision(precision, path, self.device)
        self.threads = threads
        self._config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # Pinned threads would fight the flow graph's for the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        self._path = path
        self._model = self._read()
        self.inputs = tuple(port.any_name for port in self._model.inputs)
        self.outputs = tuple(port.any_name for port in self._model.outputs)
        self._requests: dict[tuple | None, Any] = {}
        self._sizes: set[tuple] = set()
        self._any_size = [port.get_partial_shape() for port in self._model.inputs]

    def _run(self, inputs: dict[str, FloatArray]) -> dict[str, FloatArray]:
        request = self._request({name: array.shape for name, array in inputs.items()})
        try:
            # The inputs are read in place; the outputs are copied, because the request's own
            # buffers are overwritten by its next run.
            results = request.infer(inputs, share_inputs=True, share_outputs=False)
        except RuntimeError as error:
            raise ModelError(f"openvino failed: {_short(error)}") from error
        return {name: results[name] for name in self.outputs}

    def _request(self, shapes: dict[str, tuple[int, ...]]) -> Any:
        """The inference request of the network that was compiled for these shapes."""
        key = tuple(shapes[name] for name in self.inputs)
        if key in self._requests:
            return self._requests[key]
        size = tuple(shape[1:] for shape in key)
        wanted = [list(shape) for shape in key]
        if size in self._sizes or len(self._sizes) < _SIZES_KEPT:
            self._sizes.add(size)
        else:
            key, wanted = None, self._any_size
        if key not in self._requests:
            try:
                self._model.reshape(dict(zip(self.inputs, wanted, strict=True)))
                compiled = core.compile_model(self._model, _DEVICE, self._config)
            except RuntimeError as error:
                raise ModelError(
                    f"openvino cannot compile the network for {shapes}: {_short(error)}"
                ) from error
            self._requests[key] = compiled.create_infer_request()
        return self._requests[key]

    def _read(self) -> openvino.Model:
        if self.precision != "int8":
            return read_network(self._path)
        graph, weights, self._sha256 = int8_networks.load(self._path)
        try:
            return core.read_model(graph, weights)
        except RuntimeError as error:
            raise ModelError(
                f"openvino cannot read the int8 network of {self._path}: {_short(error)}"
            ) from error

    def mark_verified(self, result: Mapping[str, object]) -> None:
        """Remembers, of an int8 network, what it costs and gains here: see `int8_networks.pays`.

        Raises:
            FileError: the cache cannot be written.
        """
        if self.precision != "int8":
            return
        here = {"device": self.device, "version": openvino.__version__, "threads": self.threads}
        measured = {**result, **here, "speed": self._speed_gain()}
        int8_networks.mark_verified(self._path, self._sha256, measured)

    def _speed_gain(self) -> float:
        """Speed over the network that `auto` would pick without int8, in turns, at a size run."""
        shapes = max((key for key in self._requests if key), key=lambda key: np.prod(key[0]))
        inputs = {
            name: np.zeros(shape, np.float32)
            for name, shape in zip(self.inputs, shapes, strict=True)
        }
        with OpenVinoEngine(self._path, _float_precision(), self.threads) as other:
            seconds = np.zeros((_TURNS + 2, 2))
            for turn in seconds:
                for index, engine in enumerate((self, other)):
                    start = time.perf_counter()
                    engine.run(inputs)
                    turn[index] = time.perf_counter() - start
        ours, theirs = seconds[2:].T  # without warming up
        return float(np.median(theirs / ours))

    def _close(self) -> None:
        self._requests.clear()
        del self._model


def read_network(path: Path) -> openvino.Model:
    """An ONNX file as OpenVINO's model.

    Raises:
        ModelError: it cannot be read.
    """
    # `Core.read_model` would try every format it knows on a damaged file, and log each attempt.
    frontend = openvino.frontend.FrontEndManager().load_by_framework("onnx")
    try:
        model = frontend.convert(frontend.load(str(path)))
    except Exception as error:  # the frontend's exceptions share no base class but this
        raise ModelError(f"openvino cannot read {path}: {_short(error)}") from error
    if not model.inputs:
        raise ModelError(f"openvino cannot read {path}: there is no network in it")
    return model


def _choose_precision(asked: str, path: Path, device: str) -> str:
    if asked == "auto":
        int8 = int8_networks.pays(path, device, openvino.__version__)
        return "int8" if int8 else _float_precision()
    if asked in _CAPABILITIES and _CAPABILITIES[asked] not in _capabilities():
        raise ModelError(f"this CPU has no {asked} arithmetic: use --precision fp32 or auto")
    return asked


def _float_precision() -> str:
    # OpenVINO lists BF16 also where it only emulates it; its own default is honest.
    default = core.get_property(_DEVICE, "INFERENCE_PRECISION_HINT").get_type_name()
    return "bf16" if default == "bf16" and "BF16" in _capabilities() else "fp32"


def _capabilities() -> list[str]:
    return core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")


def _short(error: Exception) -> str:
    """The telling line of OpenVINO's multi-line messages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (telling or lines or [type(error).__name__])[-1][:200]
