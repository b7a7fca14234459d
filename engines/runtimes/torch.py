# SPDX-License-Identifier: GPL-3.0-or-later
"""torch, from the weights in the ONNX file: a live engine on any GPU that torch runs on; on a CPU
what the other engines are compared with.

It runs the networks of `percast.engines.networks` only.
"""

import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from percast.engines.runtimes import torch_verified
from percast.engines.runtimes.engine import Engine, FloatArray
from percast.errors import ModelError

# Idle threads must sleep: beside other load, ones that spin make torch ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

try:
    import torch

    from percast.engines.networks import Encoder, Generator, rebuild
    from percast.engines.onnx_weights import read
    from percast.engines.runtimes.torch_plan import SizePlan
except ImportError as error:
    raise ModelError(
        f"the torch engine cannot be loaded ({error}): pip install 'percast[train]'"
    ) from error

_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_MOST_PLANS = 8  # sizes whose buffers are kept
_BATCH_PIXELS = 8 * 256 * 256  # up to which eight pictures at once were five times as fast, H200


class TorchEngine(Engine):
    """On the first CUDA device if there is one, else on the CPU. Its threads are torch's, which
    all engines of a process share.

    Weights and features are of the precision, in channels_last; each size has buffers of its own
    and, on a GPU, a CUDA graph, see `SizePlan`.
    """

    name = "torch"

    def __init__(self, path: Path, precision: str, threads: int):
        super().__init__()
        self._path = path
        self._place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        on_gpu = self._place.type == "cuda"
        self.precision = ("fp16" if on_gpu else "fp32") if precision == "auto" else precision
        if self.precision not in _TYPES or (self.precision == "fp16" and not on_gpu):
            raise ModelError(
                f"torch does not compute in {self.precision} here: use --precision fp32 or bf16"
            )
        self.device = torch.cuda.get_device_name() if on_gpu else "CPU"
        self.batch_pixels = _BATCH_PIXELS if on_gpu else 0
        self.threads = threads
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = False  # fp32 is what was asked for
        torch.backends.cudnn.benchmark = on_gpu  # each size is run many times
        network = _load(path)
        self.inputs, self.outputs = network.inputs, network.outputs
        self._network = network.to(
            device=self._place, dtype=_TYPES[self.precision], memory_format=torch.channels_last
        )
        self._stream = torch.cuda.Stream(self._place) if on_gpu else None
        self._plans: OrderedDict[tuple, SizePlan] = OrderedDict()

    @property
    def device_bytes(self) -> int:
        return torch.cuda.memory_allocated() if self._place.type == "cuda" else 0

    def mark_verified(self, result: Mapping[str, object]) -> None:
        """Remembers, on a GPU, that `auto` may take this engine there.

        Raises:
            FileError: the cache cannot be written.
        """
        if self._place.type == "cuda":
            torch_verified.remember(
                self._path, self.precision, self.device, torch.__version__, result
            )

    def _run(self, inputs: dict[str, FloatArray]) -> dict[str, FloatArray]:
        shapes = tuple(inputs[name].shape for name in self.inputs)
        try:
            with torch.inference_mode():
                plan = self._plans.pop(shapes, None)
                if plan is None:
                    while len(self._plans) >= _MOST_PLANS:
                        self._plans.popitem(last=False)
                    plan = SizePlan(self._network, shapes, self._place, self._stream)
                output = plan.run([inputs[name] for name in self.inputs])
                self._plans[shapes] = plan  # the last used one last
        except RuntimeError as error:
            raise ModelError(f"torch failed: {_short(error)}") from error
        return {self.outputs[0]: output}

    def _close(self) -> None:
        self._plans.clear()
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
