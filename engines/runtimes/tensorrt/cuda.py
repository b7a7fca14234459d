# SPDX-License-Identifier: GPL-3.0-or-later
"""pycuda as the engines use it: one context for all threads, memory that is freed when told to."""

import atexit
import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from percast.engines.runtimes.tensorrt.nvidia import Gpu, NoGpu, first_gpu
from percast.engines.runtimes.tensorrt.package import PIP
from percast.errors import ModelError, one_line

_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING


@functools.cache
def _driver() -> Any:
    try:
        import pycuda.driver
    except ImportError as error:
        raise ModelError(f"the tensorrt engine needs pycuda ({error}): {PIP['pycuda']}") from error
    with _on_one_line(pycuda.driver):
        pycuda.driver.init()
    return pycuda.driver


@functools.cache
def _primary_context(index: int) -> Any:
    """The context that all users of a device in this process share; kept until the process ends."""
    context = _driver().Device(index).retain_primary_context()
    atexit.register(context.detach)  # left to itself it would be released in a wrong way
    return context


@contextlib.contextmanager
def _on_one_line(cuda: Any) -> Iterator[None]:
    """CUDA's errors as `ModelError`: out of memory, a lost device, a crashed kernel."""
    try:
        yield
    except cuda.Error as error:
        raise ModelError(f"CUDA failed: {one_line(error)}") from error


class Device:
    """The GPU that engines run on.

    Raises:
        ModelError: no GPU, no pycuda, or the GPU is full or taken by another process.
    """

    def __init__(self) -> None:
        try:
            self.gpu: Gpu = first_gpu()
        except NoGpu as error:
            raise ModelError(f"tensorrt cannot run here: {error}; use --engine openvino") from error
        self._cuda = _driver()
        with _on_one_line(self._cuda):
            self._context = _primary_context(self.gpu.index)

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        """Makes the context current in this thread; whatever touches the GPU is done within.

        Raises:
            ModelError: CUDA failed.
        """
        with _on_one_line(self._cuda):
            self._context.push()
            try:
                yield
            finally:
                self._context.pop()

    def free_bytes(self) -> int:
        """Memory of the GPU that nobody has taken."""
        return self._cuda.mem_get_info()[0]

    def stream(self) -> Any:
        """A stream; its `handle` is CUDA's.

        What anyone puts on the default stream neither waits for it nor is waited for. While a
        stream that does wait is captured, that is refused, and the capture lost.
        """
        return self._cuda.Stream(_NON_BLOCKING)

    def memory(self) -> "Memory":
        return Memory(self._cuda)


class Memory:
    """Device and pinned host memory that is freed at once by `free`, within `Device.current`."""

    def __init__(self, cuda: Any):
        self._cuda = cuda
        self._frees = contextlib.ExitStack()

    def on_device(self, size: int) -> int:
        """Address of `size` bytes on the GPU, aligned to 256 bytes."""
        size = max(size, 1)
        allocation = self._cuda.mem_alloc(size)
        self._frees.callback(allocation.free)
        return int(allocation)

    def pinned(self, shape: tuple[int, ...]) -> np.ndarray:
        """A float32 array that the GPU can copy from and to while the CPU goes on."""
        array = self._cuda.pagelocked_empty(shape, np.float32)
        self._frees.callback(array.base.free)
        return array

    def to_device(self, address: int, array: np.ndarray, stream: Any) -> None:
        self._cuda.memcpy_htod_async(address, array, stream)

    def to_host(self, array: np.ndarray, address: int, stream: Any) -> None:
        self._cuda.memcpy_dtoh_async(array, address, stream)

    def free(self) -> None:
        """Frees all, also where some of it fails; arrays from `pinned` must not be touched any
        more."""
        self._frees.close()
