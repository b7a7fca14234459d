# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the time a GPU waits for its next launch."""

import contextlib
import time
from collections.abc import Iterator

import torch

_MARGIN = 1.5  # the GPU sleeps so many times as long as launching a step takes
_CALIBRATION = 10_000_000  # cycles


class Waiting:
    """Share of the time in which a device has nothing to do.

    Events around a step cannot tell: a GPU that waits within it looks busy. So one step now and
    then is launched while the GPU sleeps; when it wakes, all of the step stands in its queue, and
    it computes it without a gap. What that takes, for all steps, is what it was busy.

    Args:
        device: a CPU launches nothing, and waits for no one.
    """

    def __init__(self, device: torch.device):
        self._gpu = device.type == "cuda"
        self._launching = 0.0  # seconds, of the last step
        self._cycles_per_second = 0.0
        self._events: tuple[torch.cuda.Event, torch.cuda.Event] | None = None
        self._whole = False  # the last probe's launches were all made in time

    @contextlib.contextmanager
    def step(self, probe: bool) -> Iterator[None]:
        """Around the launches of a step.

        Args:
            probe: whether to measure this one.
        """
        probe = probe and self._gpu and self._launching > 0
        if probe:
            self._sleep(_MARGIN * self._launching)
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
        began = time.perf_counter()
        yield
        self._launching = time.perf_counter() - began
        if probe:
            self._whole = not start.query()
            end.record()
            self._events = start, end

    def read(self, steps: int, seconds: float) -> float | None:
        """The share, 0..1; None where it could not be measured; 0 on a CPU.

        Args:
            steps: in so many
            seconds: of the clock. The work must be done.
        """
        if not self._gpu:
            return 0.0
        if self._events is None or not self._whole:
            return None
        start, end = self._events
        end.synchronize()
        return max(0.0, 1 - steps * start.elapsed_time(end) / 1000 / seconds)

    def _sleep(self, seconds: float) -> None:
        if not self._cycles_per_second:
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            torch.cuda._sleep(_CALIBRATION)
            end.record()
            end.synchronize()
            self._cycles_per_second = _CALIBRATION / (start.elapsed_time(end) / 1000)
        torch.cuda._sleep(int(seconds * self._cycles_per_second))
