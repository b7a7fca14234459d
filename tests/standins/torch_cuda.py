# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for what torch's CUDA graphs do to torch itself: tensors lie on the CPU.

It is as strict as CUDA and torch are: nobody may wait for the whole GPU while any stream is
captured, which costs the capture, too; a capture that was lost raises where it ends, and leaves
torch's allocator in it, which then cannot empty its cache; a pool is given back once. What is
captured is done at once, and a replay does nothing but count.
"""

import contextlib
import threading
from types import SimpleNamespace

import pytest
import torch


class TorchCuda:
    """The GPU, and torch's allocator for it.

    Attributes:
        underway: pools of captures that the allocator is in.
        given_back: pools that it may free.
        lost: whether the present capture is.
        free: bytes of its memory.
        bf16: whether it computes in that.
        refuses: what it says to whoever wants a stream.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.underway: list[tuple[int, int]] = []
        self.given_back: list[tuple[int, int]] = []
        self.capturing = self.lost = False
        self.captures = self.replays = 0
        self.free, self.bf16 = 1 << 33, True
        self.refuses: RuntimeError | None = None
        self._thread = 0
        self._pools = 0
        gpu = self

        class CUDAGraph(Graph):
            def __init__(self):
                super().__init__(gpu)

        self.stream = SimpleNamespace(
            device_index=0, device=torch.device("cpu"), synchronize=lambda: None
        )
        replacements = {
            "is_available": lambda: True,
            "get_device_name": lambda: "Stand-in 3000",
            "mem_get_info": lambda: (self.free, 1 << 33),
            "is_bf16_supported": lambda including_emulation: self.bf16 or including_emulation,
            "Stream": self._new_stream,
            "CUDAGraph": CUDAGraph,
            "graph_pool_handle": self._new_pool,
            "synchronize": self.wait_for_all,
            "empty_cache": self.empty_cache,
            "current_stream": lambda *_: self.stream,
            "stream": lambda stream: contextlib.nullcontext(),
        }
        for name, replacement in replacements.items():
            monkeypatch.setattr(torch.cuda, name, replacement)
        monkeypatch.setattr(torch._C, "_host_emptyCache", lambda: None, raising=False)
        for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
            monkeypatch.setattr(torch.cuda.memory, name, getattr(self, name))
        empty, move = torch.empty, torch.nn.Module.to
        monkeypatch.setattr(torch, "empty", lambda *a, pin_memory=False, **k: empty(*a, **k))
        monkeypatch.setattr(torch.nn.Module, "to", lambda *a, device, **k: move(*a, **k))

    def _new_stream(self) -> SimpleNamespace:
        if self.refuses:
            raise self.refuses
        return self.stream

    def captured_here(self) -> bool:
        """Whether the present thread captures."""
        return self.capturing and self._thread == threading.get_ident()

    def wait_for_all(self) -> None:
        if self.capturing:
            self.lost = True
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    def empty_cache(self) -> None:
        assert not self.underway, "INTERNAL ASSERT FAILED: captures_underway.empty()"

    def _new_pool(self) -> tuple[int, int]:
        self._pools += 1
        return 0, self._pools

    def begin(self, pool: tuple[int, int]) -> None:
        assert pool not in self.underway + self.given_back
        self.underway.append(pool)
        assert not self.capturing, "torch captures one graph at a time"
        self.capturing, self.lost, self._thread = True, False, threading.get_ident()
        self.captures += 1

    def end(self, pool: tuple[int, int]) -> None:
        self.capturing = False
        if self.lost:
            raise RuntimeError("CUDA error: failed due to a previous error during capture")
        self._cuda_endAllocateToPool(0, pool)

    def _cuda_endAllocateToPool(self, device: int, pool: tuple[int, int]) -> None:  # noqa: N802
        assert device == 0
        if pool not in self.underway:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        self.underway.remove(pool)

    def _cuda_releasePool(self, device: int, pool: tuple[int, int]) -> None:  # noqa: N802
        assert device == 0 and pool not in self.given_back
        self.given_back.append(pool)


class Graph:
    def __init__(self, gpu: TorchCuda):
        self._gpu, self._whole = gpu, False

    def register_generator_state(self, generator) -> None:
        assert isinstance(generator, torch.Generator)

    def capture_begin(self, pool, capture_error_mode, **_) -> None:
        assert capture_error_mode == "thread_local"
        self._pool = pool
        self._gpu.begin(pool)

    def capture_end(self) -> None:
        self._gpu.end(self._pool)
        self._whole = True

    def replay(self) -> None:
        assert self._whole
        self._gpu.replays += 1

    def __del__(self):
        if self._whole:
            self._gpu._cuda_releasePool(0, self._pool)
