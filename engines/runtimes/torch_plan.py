# SPDX-License-Identifier: GPL-3.0-or-later
"""A torch network for inputs of one size: buffers that stay, and on a GPU one launch for it all."""

import logging
import threading
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from percast.engines.runtimes import torch_graph
from percast.engines.runtimes.engine import FloatArray
from percast.errors import one_line

log = logging.getLogger(__name__)

WARM_UP = 3
"""Runs before a capture, in which cuDNN chooses its algorithms. It remembers them by thread."""


class SizePlan:
    """Runs a network on inputs of fixed shapes.

    On a GPU the copies go through pinned memory on a stream of the engine's own, and the network,
    with its changes of type, is captured as a CUDA graph; where that fails it is launched kernel by
    kernel, and a line says so. At 256x256 an H200 waited for launches most of the time. Until then
    engines of several threads take turns, see `torch_graph.alone`.

    Args:
        network: of any type; called with tensors of that type.
        shapes: of its inputs.
        stream: of the GPU that it lies on; None on a CPU.
    """

    def __init__(
        self,
        network: nn.Module,
        shapes: Sequence[tuple[int, ...]],
        stream: "torch.cuda.Stream | None",
    ):
        self._network, self._stream = network, stream
        self._type = next(network.parameters()).dtype
        pinned = stream is not None
        self._given = [torch.empty(shape, pin_memory=pinned) for shape in shapes]
        self._inputs = self._given
        if stream is not None:
            self._inputs = [torch.empty(shape, device=stream.device) for shape in shapes]
        self._output: Tensor | None = None
        self._result: Tensor | None = None
        self._replay: Callable[[], None] | None = None
        self._here = threading.local()  # `runs` of the present thread

    def run(self, arrays: Sequence[FloatArray]) -> FloatArray:
        """Computes it once.

        Args:
            arrays: float32, of the shapes.

        Returns:
            A new float32 array.
        """
        for given, array in zip(self._given, arrays, strict=True):
            given.copy_(torch.from_numpy(array))
        if self._stream is None:
            self._compute()
            return self._output.numpy().copy()
        with torch.cuda.stream(self._stream):
            for place, given in zip(self._inputs, self._given, strict=True):
                place.copy_(given, non_blocking=True)
            self._launch()
            if self._result is None:
                self._result = torch.empty(self._output.shape, pin_memory=True)
            self._result.copy_(self._output, non_blocking=True)
        self._stream.synchronize()
        return self._result.numpy().copy()

    def _compute(self) -> None:
        """From `_inputs` to `_output`, which is kept where it was from the second run on."""
        output = self._network(*(place.to(self._type) for place in self._inputs)).float()
        if self._output is None:
            self._output = torch.empty(output.shape, device=output.device)
        self._output.copy_(output)

    def _launch(self) -> None:
        if self._replay is None and torch_graph.works():
            with torch_graph.alone:
                self._warm_up()
        elif self._replay is None:
            self._compute()
        else:
            self._replay()

    def _warm_up(self) -> None:
        """Computes it, captured if this thread has done so often enough."""
        runs = self._here.runs = getattr(self._here, "runs", 0) + 1
        if runs > WARM_UP:
            try:
                self._replay = torch_graph.capture(self._compute)
            except Exception as error:  # whatever a driver, a library or torch may say to it
                reason = one_line(error)
                log.warning("torch launches kernel by kernel, as capture failed: %s", reason)
        (self._replay or self._compute)()
