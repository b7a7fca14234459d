# SPDX-License-Identifier: GPL-3.0-or-later
"""CUDA graphs through the driver itself: pycuda has none.

A graph replays the launches of one enqueue with a single call, which spares the CPU some
microseconds for each of a network's kernels.
"""

import ctypes
from collections.abc import Callable

_THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads may use CUDA meanwhile


class CaptureError(Exception):
    """The work cannot be captured; it must be enqueued every time."""


class CudaGraph:
    """What `enqueue` puts on a stream, captured once and replayed by `launch`.

    All is done with the stream's context current, `launch` from any thread.

    Args:
        stream: CUDA's handle.
        enqueue: puts work on the stream, with fixed addresses, and allocates nothing.

    Raises:
        CaptureError: the driver refuses.
        Exception: what `enqueue` raised.
    """

    def __init__(self, stream: int, enqueue: Callable[[], None]):
        self._cuda = ctypes.CDLL("libcuda.so.1")
        self._stream = ctypes.c_void_p(stream)
        self._graph, self._executable = ctypes.c_void_p(), ctypes.c_void_p()
        self._check("cuStreamBeginCapture_v2", self._stream, _THREAD_LOCAL)
        try:
            try:
                enqueue()
            finally:  # a stream that is left capturing is lost
                status = self._cuda.cuStreamEndCapture(self._stream, ctypes.byref(self._graph))
            if status or not self._graph:
                raise CaptureError(f"cuStreamEndCapture: CUDA error {status}")
            self._check(
                "cuGraphInstantiateWithFlags",
                ctypes.byref(self._executable),
                self._graph,
                ctypes.c_ulonglong(0),
            )
        except BaseException:
            self.free()
            raise

    def launch(self) -> None:
        """Replays the work on its stream.

        Raises:
            CaptureError: the driver refuses.
        """
        self._check("cuGraphLaunch", self._executable, self._stream)

    def free(self) -> None:
        """Frees the graph. Doing so twice does no harm."""
        if self._executable:
            self._cuda.cuGraphExecDestroy(self._executable)
        if self._graph:
            self._cuda.cuGraphDestroy(self._graph)
        self._graph, self._executable = ctypes.c_void_p(), ctypes.c_void_p()

    def _check(self, function: str, *arguments: object) -> None:
        status = getattr(self._cuda, function)(*arguments)
        if status:
            raise CaptureError(f"{function}: CUDA error {status}")
