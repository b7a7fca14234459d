# SPDX-License-Identifier: GPL-3.0-or-later
"""ONNX Runtime on the CPU: slower than OpenVINO, present on more machines. fp32 only."""

from pathlib import Path

from percast.engines.runtimes.engine import Engine, FloatArray
from percast.errors import ModelError, one_line

try:
    import onnxruntime
except ImportError as error:
    raise ModelError(
        f"the onnxruntime engine cannot be loaded ({error}): pip install onnxruntime"
    ) from error

_FATAL = 4  # of ONNX Runtime's log levels; what goes wrong is raised anyway


class OnnxRuntimeEngine(Engine):
    """Takes pictures of any size without compiling again."""

    name = "onnxruntime"
    precision = "fp32"
    device = "CPU"

    def __init__(self, path: Path, precision: str, threads: int):
        super().__init__()
        if precision not in ("auto", "fp32"):
            raise ModelError(
                f"onnxruntime computes in fp32 only on a CPU, not in {precision}: "
                "use --precision fp32, or --engine openvino"
            )
        self.threads = threads
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL
        # Idle threads must sleep: the same cores carry the sample stream.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no base class but this
            raise ModelError(f"onnxruntime cannot read {path}: {one_line(error)}") from error
        self.inputs = tuple(port.name for port in self._session.get_inputs())
        self.outputs = tuple(port.name for port in self._session.get_outputs())

    def _run(self, inputs: dict[str, FloatArray]) -> dict[str, FloatArray]:
        try:
            results = self._session.run(list(self.outputs), inputs)
        except Exception as error:  # likewise
            raise ModelError(f"onnxruntime failed: {one_line(error)}") from error
        return dict(zip(self.outputs, results, strict=True))

    def _close(self) -> None:
        del self._session
