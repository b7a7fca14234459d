# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that can be exchanged for another one of the same network while others run it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.engine import Engine, FloatArray

_SHAPES = 4  # of inputs: a size of pictures, alone and in batches


def _of(name: str) -> property:
    return property(
        lambda slot: getattr(slot._engine, name),
        lambda slot, value: setattr(slot._engine, name, value),
    )


class Slot(Engine):
    """Runs whichever engine is in it; what is known of an `Engine` is known of that one.

    Args:
        path: of the network.
        engine, precision, threads: see `open_engine`.

    Attributes:
        asked: engine and precision, as they were asked for last.

    Raises:
        UsageError, ModelError: as `open_engine`.
    """

    def __init__(self, path: str | Path, engine: str, precision: str, threads: int):
        super().__init__()
        self._path, self._threads = path, threads
        self._engine = open_engine(path, engine, precision, threads)
        self.asked = engine, precision
        self._shapes: dict[tuple, None] = {}  # that were run, the newest last

    name, precision, device = _of("name"), _of("precision"), _of("device")
    threads, reason, device_bytes = _of("threads"), _of("reason"), _of("device_bytes")
    inputs, outputs, batch_pixels = _of("inputs"), _of("outputs"), _of("batch_pixels")
    warm_up_runs = _of("warm_up_runs")

    def prepare(self, engine: str, precision: str) -> Engine:
        """Another engine for this network, ready for the shapes that were run last.

        Raises:
            UsageError, ModelError: it cannot be had.
        """
        opened = open_engine(self._path, engine, precision, self._threads)
        try:
            for shapes in tuple(self._shapes):
                zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes}
                for _ in range(opened.warm_up_runs):
                    opened.run(zeros)
        except BaseException:
            opened.close()
            raise
        return opened

    def put(self, opened: Engine, engine: str, precision: str) -> None:
        """Exchange the engine, between two runs; the one before is closed.

        Args:
            opened: by `prepare`, with the engine and precision that follow.
        """
        with self._lock:
            before, self._engine = self._engine, opened
            self.asked = engine, precision
        before.close()

    def mark_verified(self, result: Mapping[str, object]) -> None:
        self._engine.mark_verified(result)

    def _run(self, inputs: dict[str, FloatArray]) -> dict[str, FloatArray]:
        shapes = tuple((name, array.shape) for name, array in inputs.items())
        self._shapes.pop(shapes, None)
        self._shapes[shapes] = None
        while len(self._shapes) > _SHAPES:
            self._shapes.pop(next(iter(self._shapes)))
        return self._engine.run(inputs)

    def _close(self) -> None:
        self._engine.close()


def exchange(slots: Sequence[Slot], engine: str, precision: str) -> None:
    """Put other engines into all slots, or none.

    They are opened, and compiled for what was run of late, before those in use are let go.

    Raises:
        UsageError, ModelError: one of them cannot be had.
    """
    ready: list[Engine] = []
    try:
        ready += (slot.prepare(engine, precision) for slot in slots)
    except BaseException:
        for opened in ready:
            opened.close()
        raise
    for slot, opened in zip(slots, ready, strict=True):
        slot.put(opened, engine, precision)
