# SPDX-License-Identifier: GPL-3.0-or-later
"""TensorRT and TensorRT-RTX on NVIDIA GPUs.

A plan serves every size of picture; each size gets an execution context of its own, with its
buffers and its CUDA graph, and the least recently used one is freed when there are too many.
"""

import contextlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from percast.engines.runtimes.engine import Engine, FloatArray
from percast.engines.runtimes.plan_cache import Key, Plan, PlanCache
from percast.engines.runtimes.tensorrt import plans as tensorrt_plans
from percast.engines.runtimes.tensorrt.build import Profile, size_of
from percast.engines.runtimes.tensorrt.cuda import Device
from percast.engines.runtimes.tensorrt.cuda_graph import CaptureError, CudaGraph
from percast.engines.runtimes.tensorrt.load import (
    find_or_build,
    keep_compiled,
    load,
    runtime_config,
)
from percast.engines.runtimes.tensorrt.package import RTX, for_this_machine
from percast.errors import ModelError

log = logging.getLogger(__name__)

_SHAPES_KEPT = 8
"""Of pictures that come one by one and in batches, those of two sizes."""

_BATCH_PIXELS = 4 * 768 * 512
"""Chosen, not measured: no GPU was at hand."""

Shapes = dict[str, tuple[int, ...]]


class TensorRtEngine(Engine):
    """Inputs and outputs travel through pinned memory on a stream of this engine's own.

    The plan is built on first use, which takes seconds (TensorRT-RTX) to minutes (TensorRT), and
    comes from the cache afterwards.

    Args:
        found: a plan of the network, with its key; nothing else is then tried, and nothing built.
    """

    name = "tensorrt"
    threads = 1
    batch_pixels = _BATCH_PIXELS
    warm_up_runs = 2  # the second captures

    def __init__(
        self, path: Path, precision: str, threads: int, found: tuple[Key, Plan] | None = None
    ):
        super().__init__()
        self.precision = tensorrt_plans.choose_precision(precision)
        self._device = Device()
        self._package = for_this_machine(self._device.gpu)
        self._cache = PlanCache()
        self.device = tensorrt_plans.device_name(self._package, self._device.gpu)
        with self._device.current():
            self._free_before = self._device.free_bytes()
            self._plan = (
                load(self._package, *found)
                if found
                else find_or_build(
                    path, self._package, self._device.gpu, self.precision, self._cache
                )
            )
            self._config = runtime_config(self._package, self._plan, self._cache)
            self._stream = self._device.stream()
        engine, is_kind = self._plan.engine, self._package.trt.TensorIOMode
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        is_input = {name: engine.get_tensor_mode(name) == is_kind.INPUT for name in names}
        self.inputs = tuple(name for name in names if is_input[name])
        self.outputs = tuple(name for name in names if not is_input[name])
        self._sized: OrderedDict[tuple, _Sized] = OrderedDict()

    @property
    def device_bytes(self) -> int:
        """What others take on the same GPU meanwhile counts too."""
        with self._device.current():
            return self._free_before - self._device.free_bytes()

    def mark_verified(self, result: Mapping[str, object]) -> None:
        where = {"device": self.device}
        self._cache.mark_verified(self._plan.key, self._plan.sha256, {**result, **where})

    def _run(self, inputs: dict[str, FloatArray]) -> dict[str, FloatArray]:
        shapes = {name: array.shape for name, array in inputs.items()}
        if len({shape[0] if shape else 0 for shape in shapes.values()}) != 1:
            raise ModelError(f"tensorrt was given inputs of different batches: {shapes}")
        index, profile = self._pick(shapes)
        batch = next(iter(shapes.values()))[0]
        parts, start = [], 0
        with self._device.current():
            while start < batch:
                # Powers of two: every other number of pictures would be one more set of shapes.
                count = min(profile.batch, 1 << ((batch - start).bit_length() - 1))
                part = {name: array[start : start + count] for name, array in inputs.items()}
                parts.append(self._at(index, part).run(part))
                start += count
        return {name: np.concatenate([part[name] for part in parts]) for name in self.outputs}

    def _pick(self, shapes: Shapes) -> tuple[int, Profile]:
        """The first profile that takes pictures of this size, and its number."""
        height, width = size_of(shapes)
        for index, profile in enumerate(self._plan.profiles):
            if profile.takes(height, width):
                return index, profile
        raise ModelError(
            f"tensorrt has no profile for pictures of {width}x{height}: use --engine openvino"
        )

    def _at(self, index: int, inputs: dict[str, FloatArray]) -> "_Sized":
        shapes = {name: array.shape for name, array in inputs.items()}
        key = tuple(shapes[name] for name in self.inputs)
        if key not in self._sized:
            while len(self._sized) >= _SHAPES_KEPT:
                self._sized.popitem(last=False)[1].free()
            self._sized[key] = _Sized(self, index, shapes)
        self._sized.move_to_end(key)
        return self._sized[key]

    def _close(self) -> None:
        with self._device.current():
            try:
                with contextlib.ExitStack() as sizes:
                    while self._sized:
                        sizes.callback(self._sized.popitem()[1].free)
                keep_compiled(self._config, self._plan, self._cache)
            finally:  # in this order: each of them uses the next
                del self._config, self._plan, self._stream


class _Sized:
    """An execution context for inputs of one set of shapes, and all the memory that it takes.

    Args:
        owner: the engine.
        profile: number of the optimisation profile.
        shapes: of every input.
    """

    def __init__(self, owner: TensorRtEngine, profile: int, shapes: Shapes):
        self._stream = owner._stream
        self._package = owner._package
        self.memory = owner._device.memory()
        self._graph: CudaGraph | None = None
        self._package.forget()
        self._context = owner._plan.engine.create_execution_context(owner._config)
        if self._context is None:
            raise ModelError(f"tensorrt failed: {self._package.complaint()}")
        try:
            self._prepare(owner, profile, shapes)
        except BaseException:
            self.free()
            raise

    def _prepare(self, owner: TensorRtEngine, profile: int, shapes: Shapes) -> None:
        context, stream = self._context, self._stream
        self._must(context.set_optimization_profile_async(profile, stream.handle))
        stream.synchronize()
        for name in owner.inputs:
            self._must(context.set_input_shape(name, shapes[name]))
        self._must(not context.infer_shapes())
        size = context.update_device_memory_size_for_shapes()
        context.set_device_memory(self.memory.on_device(size), size)
        self._host: dict[str, np.ndarray] = {}
        self._address: dict[str, int] = {}
        for name in (*owner.inputs, *owner.outputs):
            self._host[name] = self.memory.pinned(tuple(context.get_tensor_shape(name)))
            self._address[name] = self.memory.on_device(self._host[name].nbytes)
            self._must(context.set_tensor_address(name, self._address[name]))
        self._inputs, self._outputs = owner.inputs, owner.outputs
        # TensorRT-RTX makes its own graphs. The first run sets up what a capture must not.
        self._runs_until_capture = None if self._package.name == RTX else 1

    def run(self, inputs: dict[str, FloatArray]) -> dict[str, FloatArray]:
        for name in self._inputs:
            self._host[name][...] = inputs[name]
            self.memory.to_device(self._address[name], self._host[name], self._stream)
        self._enqueue()
        for name in self._outputs:
            self.memory.to_host(self._host[name], self._address[name], self._stream)
        self._stream.synchronize()
        return {name: self._host[name].copy() for name in self._outputs}

    def _enqueue(self) -> None:
        if self._runs_until_capture == 0:
            self._runs_until_capture = None
            try:
                self._graph = CudaGraph(self._stream.handle, self._execute)
            except (CaptureError, ModelError) as error:  # the driver's no, or TensorRT's
                log.info("no CUDA graph: %s", error)
        if self._graph is not None:
            try:
                self._graph.launch()
            except CaptureError as error:
                raise ModelError(f"tensorrt failed: {error}") from error
            return
        self._execute()
        if self._runs_until_capture is not None:
            self._runs_until_capture -= 1

    def _execute(self) -> None:
        self._must(self._context.execute_async_v3(self._stream.handle))

    def _must(self, done: object) -> None:
        if not done:
            raise ModelError(f"tensorrt failed: {self._package.complaint()}")

    def free(self) -> None:
        """Frees everything, at once."""
        if self._graph is not None:
            self._graph.free()
        del self._context  # before the memory that it uses
        self.memory.free()
