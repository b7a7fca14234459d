# SPDX-License-Identifier: GPL-3.0-or-later
"""torch in eager mode, from the weights in the ONNX file: what the other engines are compared with.

It runs the networks of `percast.engines.networks` only, and is no engine for a live link.
"""

import os
from pathlib import Path

from percast.engines.runtimes.engine import Engine, FloatArray
from percast.errors import ModelError

# Idle threads must sleep: beside other load, ones that spin make torch ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

try:
    import torch

    from percast.engines.networks import Encoder, Generator, rebuild
    from percast.engines.onnx_weights import read
except ImportError as error:
    raise ModelError(
        f"the torch engine cannot be loaded ({error}): pip install 'percast[train]'"
    ) from error

_AUTOCAST = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchEngine(Engine):
    """On the first CUDA device if there is one, else on the CPU. Its threads are torch's, which
    all engines of a process share."""

    name = "torch"

    def __init__(self, path: Path, precision: str, threads: int):
        super().__init__()
        self.precision = "fp32" if precision == "auto" else precision
        self._place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.precision not in _AUTOCAST or (
            self.precision == "fp16" and self._place.type == "cpu"
        ):
            raise ModelError(
                f"torch does not compute in {self.precision} here: use --precision fp32 or bf16"
            )
        self.device = torch.cuda.get_device_name() if self._place.type == "cuda" else "CPU"
        self.threads = threads
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = False  # fp32 is what was asked for
        self._network = _load(path).to(self._place)
        self.inputs, self.outputs = self._network.inputs, self._network.outputs

    @property
    def device_bytes(self) -> int:
        return torch.cuda.memory_allocated() if self._place.type == "cuda" else 0

    def _run(self, inputs: dict[str, FloatArray]) -> dict[str, FloatArray]:
        kind = _AUTOCAST[self.precision]
        try:
            tensors = [torch.from_numpy(inputs[name]).to(self._place) for name in self.inputs]
            with (
                torch.inference_mode(),
                torch.autocast(self._place.type, dtype=kind, enabled=kind is not None),
            ):
                output = self._network(*tensors)
        except RuntimeError as error:
            raise ModelError(f"torch failed: {_short(error)}") from error
        return {self.outputs[0]: output.float().cpu().numpy()}

    def _close(self) -> None:
        del self._network


def _load(path: Path) -> Encoder | Generator:
    names, state = read(path)
    kind = next((kind for kind in (Encoder, Generator) if set(kind.inputs) == names), None)
    if kind is None:
        raise ModelError(f"torch cannot run {path}: it is no encoder and no generator")
    try:
        network = rebuild(kind, {name: torch.from_numpy(a) for name, a in state.items()})
    except RuntimeError as error:
        raise ModelError(f"torch cannot run {path}: {_short(error)}") from error
    return network.eval().requires_grad_(False)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
