# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a GPU: pycuda's calls on ordinary memory, and TensorRT's runtime on ONNX Runtime.

It is strict where the real ones are: everything needs a current context in this very thread, work
on a stream is done when the stream is waited for and not before, memory is freed once, and shapes
must lie in the profile that was chosen. What it cannot show is whether a real GPU agrees.
"""

import threading
from types import SimpleNamespace

import numpy as np
import onnxruntime


class Cuda:
    """What `percast.engines.runtimes.tensorrt.cuda` uses of `pycuda.driver`."""

    class Error(Exception):
        pass

    def __init__(self):
        self.memory: dict[int, np.ndarray] = {}
        self.pinned = 0
        self.loaded = 0  # bytes of plans
        self.fail_after: int | None = None  # allocations that still succeed
        self.fail_frees = 0  # that fail from now on
        self._next = 1 << 20
        self._stack = threading.local()

    def contexts(self) -> list:
        """Contexts that are current in this thread, the innermost last."""
        if not hasattr(self._stack, "contexts"):
            self._stack.contexts = []
        return self._stack.contexts

    def need_context(self) -> None:
        if not self.contexts():
            raise self.Error("invalid device context")

    def init(self) -> None:
        pass

    def retain_primary_context(self):
        return SimpleNamespace(
            push=lambda: self.contexts().append("primary"),
            pop=lambda: self.contexts().pop(),
            detach=lambda: None,
        )

    def Device(self, index: int):  # noqa: N802 - pycuda's name
        assert index == 0
        return self

    def Stream(self, flags: int = 0):  # noqa: N802 - pycuda's name
        self.need_context()
        return Stream(self, flags)

    def mem_alloc(self, size: int) -> "Allocation":
        self.need_context()
        if self.fail_after is not None:
            if self.fail_after == 0:
                raise self.Error("cuMemAlloc failed: out of memory")
            self.fail_after -= 1
        address, self._next = self._next, self._next + (size + 255) // 256 * 256
        self.memory[address] = np.zeros(size, np.uint8)
        return Allocation(self, address)

    def pagelocked_empty(self, shape: tuple[int, ...], dtype) -> np.ndarray:
        self.need_context()
        self.pinned += 1
        return np.asarray(Pinned(self, np.full(shape, np.nan, dtype)))

    def mem_get_info(self) -> tuple[int, int]:
        self.need_context()
        taken = self.loaded + sum(array.nbytes for array in self.memory.values())
        return (1 << 33) - taken, 1 << 33

    def memcpy_htod_async(self, dest: int, source: np.ndarray, stream: "Stream") -> None:
        assert isinstance(source.base, Pinned)
        stream.do(lambda: self.write(dest, source))

    def memcpy_dtoh_async(self, dest: np.ndarray, source: int, stream: "Stream") -> None:
        assert isinstance(dest.base, Pinned)

        def copy():
            dest[...] = self.read(source, dest.shape)

        stream.do(copy)

    def write(self, address: int, array: np.ndarray) -> None:
        self.memory[address][: array.nbytes] = np.ascontiguousarray(array).view(np.uint8).ravel()

    def read(self, address: int, shape: tuple[int, ...]) -> np.ndarray:
        size = 4 * int(np.prod(shape))
        return self.memory[address][:size].view(np.float32).reshape(shape)


class Allocation:
    def __init__(self, cuda: Cuda, address: int):
        self._cuda, self._address = cuda, address

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        self._cuda.need_context()
        if self._cuda.fail_frees:
            self._cuda.fail_frees -= 1
            raise self._cuda.Error("cuMemFree failed: unspecified launch failure")
        del self._cuda.memory[self._address]


class Pinned:
    def __init__(self, cuda: Cuda, array: np.ndarray):
        self._cuda, self._array = cuda, array
        self.__array_interface__ = array.__array_interface__

    def free(self) -> None:
        self._cuda.need_context()
        self._cuda.pinned -= 1


class Stream:
    known: dict[int, "Stream"] = {}

    def __init__(self, cuda: Cuda, flags: int):
        self._cuda = cuda
        self.waits_for_default = not flags & 1
        self._waiting = []
        self.capturing = False
        self.handle = id(self)
        self.known[self.handle] = self

    def do(self, work) -> None:
        self._cuda.need_context()
        self._waiting.append(work)

    def take(self) -> list:
        """What was put on the stream and not done."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def synchronize(self) -> None:
        self._cuda.need_context()
        for work in self.take():
            work()


class Graph:
    """What `percast.engines.runtimes.tensorrt.cuda_graph.CudaGraph` does, on these streams."""

    alive = 0
    launches = 0
    refused = False  # by TensorRT, which some networks make allocate while they run

    def __init__(self, handle: int, enqueue):
        self._stream = Stream.known[handle]
        assert not self._stream.waits_for_default, "others would spoil the capture"
        before = self._stream.take()
        self._stream.capturing = True
        try:
            enqueue()
        finally:
            self._stream.capturing = False
            self._work = self._stream.take()
            for work in before:
                self._stream.do(work)
        Graph.alive += 1

    def launch(self) -> None:
        Graph.launches += 1
        for work in self._work:
            self._stream.do(work)

    def free(self) -> None:
        Graph.alive -= 1


class Runtime:
    """TensorRT's runtime; its plans are ONNX files."""

    def __init__(self, trt, cuda: Cuda, profiles, log):
        self._trt, self._cuda, self._profiles = trt, cuda, profiles

    def deserialize_cuda_engine(self, plan: bytes):
        self._cuda.need_context()
        if not plan.startswith(b"\x08"):  # of every ONNX file
            return None
        self._cuda.loaded += len(plan)
        return PlanEngine(self._trt, self._cuda, self._profiles, plan)


class PlanEngine:
    def __init__(self, trt, cuda: Cuda, profiles, plan: bytes):
        self.trt, self.cuda, self.profiles = trt, cuda, profiles
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(plan, options)
        self.kinds = {port.name: trt.TensorIOMode.INPUT for port in self.session.get_inputs()}
        self.kinds |= {port.name: trt.TensorIOMode.OUTPUT for port in self.session.get_outputs()}
        self.num_io_tensors = len(self.kinds)
        self.compiled = CompiledKernels()

    def get_tensor_name(self, index: int) -> str:
        return list(self.kinds)[index]

    def get_tensor_mode(self, name: str):
        return self.kinds[name]

    def create_runtime_config(self):
        return SimpleNamespace(
            set_execution_context_allocation_strategy=lambda strategy: None,
            create_runtime_cache=lambda: self.compiled,
            set_runtime_cache=lambda cache: True,
            get_runtime_cache=lambda: self.compiled,
        )

    def create_execution_context(self, config):
        self.cuda.need_context()
        return Context(self)


class CompiledKernels:
    def __init__(self):
        self.data = b"compiled"
        self.taken = False

    def serialize(self) -> bytes:
        return self.data

    def deserialize(self, data: bytes) -> bool:
        self.taken = data == self.data
        return self.taken


class Context:
    def __init__(self, engine: PlanEngine):
        self._engine, self._cuda = engine, engine.cuda
        self._profile = None
        self._shapes, self._addresses, self._memory = {}, {}, None

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        self._profile = self._engine.profiles[index]
        return stream in Stream.known

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        stride = 1 if name == "image" else 16
        fits = shape[0] <= self._profile.batch
        if len(shape) == 4:
            fits &= self._profile.takes(stride * shape[2], stride * shape[3])
        known = next(p.shape for p in self._engine.session.get_inputs() if p.name == name)
        fits &= all(isinstance(k, str) or k == s for k, s in zip(known, shape, strict=True))
        self._shapes[name] = shape
        return fits

    def infer_shapes(self) -> list[str]:
        names = {port.name for port in self._engine.session.get_inputs()}
        return sorted(names - set(self._shapes))

    def update_device_memory_size_for_shapes(self) -> int:
        return 4096

    def set_device_memory(self, address: int, size: int) -> None:
        assert self._cuda.memory[address].size >= size
        self._memory = address

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if name in self._shapes:
            return self._shapes[name]
        if name == "latent":
            batch, _, height, width = self._shapes["image"]
            return batch, 96, height // 16, width // 16
        batch, _, height, width = self._shapes["latent"]
        return batch, 3, 16 * height, 16 * width

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return address in self._cuda.memory

    def execute_async_v3(self, stream: int) -> bool:
        if Graph.refused and Stream.known[stream].capturing:
            return False

        def execute():
            assert self._memory in self._cuda.memory, "the context's memory was freed"
            inputs = {n: self._cuda.read(self._addresses[n], s) for n, s in self._shapes.items()}
            outputs = [port.name for port in self._engine.session.get_outputs()]
            for name, found in zip(outputs, self._engine.session.run(outputs, inputs), strict=True):
                self._cuda.write(self._addresses[name], found)

        Stream.known[stream].do(execute)
        return True
