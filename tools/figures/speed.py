# SPDX-License-Identifier: GPL-3.0-or-later
"""What one core sends and receives, by the time of the thread that does it: the compiled kernels
start no other."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from percast.blocks.waveform import kernels
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.receive import Receiver
from percast.blocks.waveform.transmit import modulate
from percast.tools.figures.traffic import header_of, latents

SNR_DB = 10.0
"""Of the `traffic` that is received."""

_SENT = 60_000  # latent symbols of a measurement
_CHUNK = 8192  # samples that the receiver gets at once, as GNU Radio has them


@contextmanager
def numpy_only() -> Iterator[None]:
    """The modem without its kernels."""
    ready, kernels.ready = kernels.ready, lambda: None
    try:
        yield
    finally:
        kernels.ready = ready


def sending(profile: Profile, symbols: int) -> float:
    """Msamples per second of this thread's own time, of pictures of so many latent symbols."""
    seen, header = 0, header_of(1, symbols)
    latent = latents(np.random.default_rng(0), symbols)
    start = time.thread_time()
    for _ in range(max(1, _SENT // symbols)):
        seen += sum(map(len, modulate(profile, header, latent)))
    return seen / (time.thread_time() - start) / 1e6


def receiving(profile: Profile, samples: np.ndarray) -> float:
    """Likewise, of these samples."""
    receiver, packets = Receiver(profile), 0
    start = time.thread_time()
    for first in range(0, len(samples), _CHUNK):
        packets += len(receiver.push(samples[first : first + _CHUNK]))
    seconds = time.thread_time() - start
    assert packets > 0
    return len(samples) / seconds / 1e6


def repeated(run: Callable[[], float], rounds: int) -> float:
    """Median of so many, after one in which tables are made."""
    run()
    return float(np.median([run() for _ in range(rounds)]))


def compared(run: Callable[[], float], rounds: int) -> tuple[float, float, float]:
    """Medians with kernels and without, in turns, and the median of their ratios."""
    pairs = []
    for _ in range(rounds):
        fast = run()
        with numpy_only():
            pairs.append((fast, run()))
    fast, slow = np.array(pairs).T
    return float(np.median(fast)), float(np.median(slow)), float(np.median(fast / slow))
