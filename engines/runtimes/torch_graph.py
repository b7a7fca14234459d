# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that torch launches on a GPU, captured as a CUDA graph: replayed with a single launch."""

import threading
from collections.abc import Callable

import torch

Work = Callable[[], None]

alone = threading.RLock()
"""Held by whoever captures, and by whoever may have to wait for the whole GPU, as cuDNN does while
it searches for its fastest algorithms: CUDA refuses that while any stream is captured, and the
capture is lost with it. And torch captures one graph at a time."""

_failure = ""  # why a capture of this process failed


def works() -> bool:
    """Whether no capture has failed in this process yet.

    After one that has, nothing is captured any more: of what it leaves behind in torch not all can
    be put right from here.
    """
    return not _failure


def capture(work: Work, generator: torch.Generator | None = None) -> Work:
    """What replays some work as a CUDA graph; nothing of it is done yet.

    Args:
        work: on the present stream, which is not the default one; done there, and in this thread,
            a few times before.
        generator: that it draws from. Seeding it between replays changes what they draw, as it
            does without a graph.

    Raises:
        Exception: what the work raised, or why else it cannot be captured.
    """
    global _failure
    with alone:
        if _failure:
            raise RuntimeError(_failure)
        graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
        if generator is not None:
            graph.register_generator_state(generator)
        stream = torch.cuda.current_stream()
        failed: BaseException | None = None
        try:
            # Other threads may go on meanwhile: load pictures, replay their own graphs.
            with torch.cuda.graph(
                graph, pool=pool, stream=stream, capture_error_mode="thread_local"
            ):
                try:
                    work()
                except BaseException as error:  # ending the capture raises another, which hides it
                    failed = error
        except Exception as error:
            failed = failed or error
        if failed is not None:
            _failure = str(failed) or type(failed).__name__
            _leave(stream.device_index, pool)
            try:
                raise failed
            finally:
                failed = None  # else it would keep this frame, and the work's tensors, in a circle
    return graph.replay


def _leave(device: int, pool: tuple[int, int]) -> None:
    """Ends a failed capture for torch's allocator too, which else would never empty its cache
    again; as `torch.cuda.use_mem_pool` ends."""
    try:
        torch.cuda.memory._cuda_endAllocateToPool(device, pool)
    except RuntimeError:  # it was ended, so the graph itself gives the pool back
        return
    torch.cuda.memory._cuda_releasePool(device, pool)
