# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that is launched kernel by kernel a few times, and then replayed as one CUDA graph.

Small networks keep a GPU waiting for launches: at batch 96, a step of `base` on an H200 was 63 ms
of launches for 20 ms of work. A graph is one launch. A whole step is captured, optimisers included,
as in "Whole-network capture" of PyTorch's notes on CUDA; `torch.compile` with CUDA graphs would
keep the optimisers and everything between the networks outside.
"""

import contextlib
import logging
from collections.abc import Callable, Hashable, Iterator
from typing import Protocol

import torch

from percast.engines.runtimes import torch_graph
from percast.engines.runtimes.torch_graph import Work
from percast.errors import one_line

log = logging.getLogger(__name__)

WARM_UP = 3
"""Steps before a capture: libraries choose their algorithms, optimisers make their moments."""

Capture = Callable[[Work, torch.Generator], Work]


class Drawing(Protocol):
    """What draws random numbers within the work."""

    generator: torch.Generator

    def renew_generator(self) -> None:
        """Go on with another one in the same state."""


class Replays:
    """Runs work over and over, captured where that can be.

    Args:
        capture: gives what replays some work; None: always run it as it is.
        drawing: whose generator the work draws from.
    """

    def __init__(self, capture: Capture | None, drawing: Drawing):
        self._capture, self._drawing = capture, drawing
        self._runs: dict[Hashable, int] = {}
        self._captured: dict[Hashable, Work] = {}

    @classmethod
    def on(cls, device: torch.device, drawing: Drawing, alone: bool) -> "Replays":
        """For a device: CUDA graphs on a GPU that works for one process alone."""
        if device.type != "cuda":
            return cls(None, drawing)
        if not alone:
            log.info("steps are launched kernel by kernel: several processes exchange gradients")
            return cls(None, drawing)
        return cls(torch_graph.capture, drawing)

    def run(self, kind: Hashable, work: Work) -> None:
        """Does the work once.

        Args:
            kind: of the work; work of one kind does the same with tensors at the same addresses,
                and none is done after work of a later kind.
            work: what to do.
        """
        if kind not in self._runs:
            self._captured.clear()  # graphs hold their memory, and kinds do not come again
        if kind not in self._captured:
            runs = self._runs[kind] = self._runs.get(kind, 0) + 1
            if self._capture is None or runs <= WARM_UP:
                work()
                return
            try:
                self._captured[kind] = self._capture(work, self._drawing.generator)
            except Exception as error:  # whatever a driver, a library or torch may say to it
                reason = one_line(error)
                log.warning("steps are launched kernel by kernel, as capture failed: %s", reason)
                self._capture = None
                self._drawing.renew_generator()
                work()
                return
        self._captured[kind]()


@contextlib.contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Works on a GPU's stream of one's own: on the usual one nothing can be captured."""
    if device.type != "cuda":
        yield
        return
    usual, own = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    own.wait_stream(usual)
    try:
        with torch.cuda.stream(own):
            yield
    finally:
        usual.wait_stream(own)
