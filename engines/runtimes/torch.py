# SPDX-License-Identifier: GPL-3.0-or-later
"""torch, from the weights in the ONNX file: a live engine on any GPU that torch runs on; on a CPU
what the other engines are compared with.

It runs the networks of `percast.engines.networks` only.
"""

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path

from percast.engines.runtimes import torch_verified
from percast.engines.runtimes.engine import Engine, FloatArray
from percast.errors import ModelError, one_line

# Idle threads must sleep: beside other load, ones that spin make torch ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

try:
    import torch

    from percast.engines.networks import Encoder, Generator, rebuild
    from percast.engines.onnx_weights import read
    from percast.engines.runtimes.torch_plan import WARM_UP, SizePlan
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
        on_gpu = torch.cuda.is_available()
        self.precision = ("fp16" if on_gpu else "fp32") if precision == "auto" else precision
        self.threads = threads
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = False  # fp32 is what was asked for
        torch.backends.cudnn.benchmark = on_gpu  # each size is run many times
        network = _load(path)
        self.inputs, self.outputs = network.inputs, network.outputs
        self._plans: OrderedDict[tuple, SizePlan] = OrderedDict()
        with _on_one_line():
            _check(self.precision, on_gpu)
            self.device = torch.cuda.get_device_name() if on_gpu else "CPU"
            self._free_before = torch.cuda.mem_get_info()[0] if on_gpu else 0
            self._network = network.to(
                device=torch.device("cuda" if on_gpu else "cpu"),
                dtype=_TYPES[self.precision],
                memory_format=torch.channels_last,
            )
            self._stream = torch.cuda.Stream() if on_gpu else None
        if on_gpu:
            self.batch_pixels, self.warm_up_runs = _BATCH_PIXELS, WARM_UP + 1

    @property
    def device_bytes(self) -> int:
        """What others take on the same GPU meanwhile counts too."""
        if self._stream is None:
            return 0
        with _on_one_line():
            return self._free_before - torch.cuda.mem_get_info()[0]

    def mark_verified(self, result: Mapping[str, object]) -> None:
        """Remembers, on a GPU, that `auto` may take this engine there.

        Raises:
            FileError: the cache cannot be written.
        """
        if self._stream is not None:
            torch_verified.remember(
                self._path, self.precision, self.device, torch.__version__, result
            )

    def _run(self, inputs: dict[str, FloatArray]) -> dict[str, FloatArray]:
        shapes = tuple(inputs[name].shape for name in self.inputs)
        with _on_one_line(), torch.inference_mode():
            plan = self._plans.pop(shapes, None)
            if plan is None:
                while len(self._plans) >= _MOST_PLANS:
                    self._plans.popitem(last=False)
                plan = SizePlan(self._network, shapes, self._stream)
            output = plan.run([inputs[name] for name in self.inputs])
            self._plans[shapes] = plan  # the last used one last
        return {self.outputs[0]: output}

    def _close(self) -> None:
        self._plans.clear()
        del self._network


@contextlib.contextmanager
def _on_one_line() -> Iterator[None]:
    """torch's errors as `ModelError`: a GPU that is full, busy, lost, or too old."""
    try:
        yield
    except RuntimeError as error:
        raise ModelError(f"torch failed: {one_line(error)}") from error


def _check(precision: str, on_gpu: bool) -> None:
    """Raises `ModelError` for a precision that torch does not have here."""
    here = ["fp32"]
    if on_gpu:
        here.append("fp16")
    if not on_gpu or torch.cuda.is_bf16_supported(including_emulation=False):
        here.append("bf16")
    if precision not in here:
        known = " or ".join(here)
        raise ModelError(f"torch does not compute in {precision} here: use --precision {known}")


def _load(path: Path) -> Encoder | Generator:
    names, state = read(path)
    kind = next((kind for kind in (Encoder, Generator) if set(kind.inputs) == names), None)
    if kind is None:
        raise ModelError(f"torch cannot run {path}: it is no encoder and no generator")
    try:
        network = rebuild(kind, {name: torch.from_numpy(a) for name, a in state.items()})
    except RuntimeError as error:
        raise ModelError(f"torch cannot run {path}: {one_line(error)}") from error
    return network.eval().requires_grad_(False)
