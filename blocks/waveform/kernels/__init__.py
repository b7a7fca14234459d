# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiled twins of what the waveform does most: the same results, without numpy's 500 small calls
for every packet.

The numpy functions of `percast.blocks.waveform` are the definition; where `ready()` has the
kernels, they hand their arrays on to them. Where numba is missing, or NUMBA_DISABLE_JIT is set,
everything runs in numpy: slower, and the same.

- `front`: the stream: damaged samples, DC offset, detection, timing, windows and carriers
- `first_pass`: the header and its code
- `second_pass`, `offsets`, `track`, `bursts`: channel, tracking, equalised symbols and their noise
- `interleaver`; `sending`: bins, peaks, prefixes and edges of the transmitter
- `jit`: how they are compiled; `cache`: where they are kept
"""

import logging
import threading
import time
from types import SimpleNamespace

from percast.blocks.waveform.kernels import cache
from percast.signals import deferred

log = logging.getLogger(__name__)

_lock = threading.Lock()
_kernels: SimpleNamespace | None = None
_tried = False


def ready() -> SimpleNamespace | None:
    """The kernels; None before `warm_up`, and where they cannot be had."""
    return _kernels


def warm_up() -> None:
    """Load all kernels, or compile them where that has never been done: then it takes half a
    minute, and half a second ever after. Says so in the log, once a process."""
    global _kernels, _tried
    with _lock:
        if _tried:
            return
        _tried = True
        start = time.perf_counter()
        try:
            with deferred():
                kernels, compiled = _load()
        except Exception as error:  # noqa: BLE001 - whatever ails a compiler, numpy does without it
            log.warning("the modem runs without compiled kernels, and slower: %s", error)
            return
        _kernels = kernels
        done = f"{compiled} compiled" if compiled else "loaded"
        log.info("the modem's kernels: %s in %.1f s", done, time.perf_counter() - start)


def _load() -> tuple[SimpleNamespace, int]:
    """The modules with kernels by their names, and how many kernels had to be compiled."""
    import numba

    if numba.config.DISABLE_JIT:
        raise RuntimeError("NUMBA_DISABLE_JIT is set")
    before = numba.config.CACHE_DIR
    try:
        numba.config.CACHE_DIR = cache.settle(before)
        if cache.is_empty():
            log.warning("compiling the modem's kernels, which takes half a minute%s", cache.why())
        from percast.blocks.waveform.kernels import (
            bursts,
            first_pass,
            front,
            interleaver,
            jit,
            second_pass,
            sending,
            track,
        )
    finally:
        numba.config.CACHE_DIR = before
    kernels = SimpleNamespace(
        bursts=bursts,
        first_pass=first_pass,
        front=front,
        interleaver=interleaver,
        second_pass=second_pass,
        sending=sending,
        track=track,
    )
    return kernels, jit.compiled
