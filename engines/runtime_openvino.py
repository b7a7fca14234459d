# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenVINO on the CPU: the default engine."""

import sys
from pathlib import Path
from typing import Any

from percast.engines.engine import Engine, FloatArray
from percast.errors import ModelError

# `import openvino` would report itself to Google Analytics and wait for the network to do it.
sys.modules.setdefault("openvino_telemetry", None)

try:
    import openvino
    from openvino.frontend import FrontEndManager
except ImportError as error:
    raise ModelError(
        f"the openvino engine cannot be loaded ({error}): pip install openvino"
    ) from error

_DEVICE = "CPU"
_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
_CAPABILITIES = {"bf16": "BF16", "fp16": "FP16"}

_SIZES_KEPT = 4
"""Picture sizes that get a network of their own: about 55 MB each at 768x512."""


class OpenVinoEngine(Engine):
    """Compiles the network for each of the first few input sizes, and once for all others.

    A network compiled for one fixed size runs 4 to 6% faster than one that takes any, and its
    first picture costs about 0.1 s for compiling; a link sends one size, or few. A folder of
    pictures of many sizes must not compile for every picture.
    """

    name = "openvino"

    def __init__(self, path: Path, precision: str, threads: int):
        super().__init__()
        self._core = openvino.Core()
        self.device = str(self._core.get_property(_DEVICE, "FULL_DEVICE_NAME")).strip()
        self.precision = _choose_precision(self._core, precision)
        self.threads = threads
        self._config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # Pinned threads would fight the flow graph's for the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        self._model = _read(path)
        self.inputs = tuple(port.any_name for port in self._model.inputs)
        self.outputs = tuple(port.any_name for port in self._model.outputs)
        self._requests: dict[tuple | None, Any] = {}
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
        wanted = [list(shape) for shape in key]
        if len(self._requests) >= _SIZES_KEPT:
            key, wanted = None, self._any_size
        if key not in self._requests:
            try:
                self._model.reshape(dict(zip(self.inputs, wanted, strict=True)))
                compiled = self._core.compile_model(self._model, _DEVICE, self._config)
            except RuntimeError as error:
                raise ModelError(
                    f"openvino cannot compile the network for {shapes}: {_short(error)}"
                ) from error
            self._requests[key] = compiled.create_infer_request()
        return self._requests[key]

    def _close(self) -> None:
        self._requests.clear()
        del self._model


def _read(path: Path) -> openvino.Model:
    # `Core.read_model` would try every format it knows on a damaged file, and log each attempt.
    frontend = FrontEndManager().load_by_framework("onnx")
    try:
        model = frontend.convert(frontend.load(str(path)))
    except Exception as error:  # the frontend's exceptions share no base class but this
        raise ModelError(f"openvino cannot read {path}: {_short(error)}") from error
    if not model.inputs:
        raise ModelError(f"openvino cannot read {path}: there is no network in it")
    return model


def _choose_precision(core: Any, asked: str) -> str:
    capabilities = core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")
    if asked == "auto":
        # OpenVINO lists BF16 also where it only emulates it; its own default is honest.
        default = core.get_property(_DEVICE, "INFERENCE_PRECISION_HINT").get_type_name()
        return "bf16" if default == "bf16" and "BF16" in capabilities else "fp32"
    if asked == "int8":
        raise ModelError(
            "int8 needs a quantised network, which this version does not make: "
            "use --precision bf16 or fp32"
        )
    if asked != "fp32" and _CAPABILITIES[asked] not in capabilities:
        raise ModelError(f"this CPU has no {asked} arithmetic: use --precision fp32 or auto")
    return asked


def _short(error: Exception) -> str:
    """The telling line of OpenVINO's multi-line messages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (telling or lines or [type(error).__name__])[-1][:200]
