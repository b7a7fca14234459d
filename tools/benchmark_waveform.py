# SPDX-License-Identifier: GPL-3.0-or-later
"""What one core sends and receives: `benchmark waveform`, compiled kernels beside numpy."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction

import numpy as np

from percast.blocks.channel.impairments import complex_noise
from percast.blocks.waveform import kernels
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.receive import Receiver
from percast.blocks.waveform.transmit import modulate

_GAP = 512  # samples of silence after each picture, as the modulator has it


@contextmanager
def numpy_only() -> Iterator[None]:
    """The modem without its kernels."""
    ready, kernels.ready = kernels.ready, lambda: None
    try:
        yield
    finally:
        kernels.ready = ready


def header(symbols: int) -> Header:
    return Header(
        session=1, image=1, packet=0, packets=1, width=256, height=256, cbr=Fraction(1, 48),
        symbols=symbols, codec=1, codec_word=32, model=b"test", design_snr_db=10.0,
        realism=1.0, seed=1, callsign="", timestamp_us=0,
    )  # fmt: skip


def latents(symbols: int) -> np.ndarray:
    return complex_noise(np.random.default_rng(0), symbols)


def traffic(profile: Profile, symbols: int, samples: int, snr_db: float) -> np.ndarray:
    """Pictures of `symbols` latents one behind the other in noise, complex64 [about samples]."""
    parts, total = [], 0
    while total < samples:
        packets = list(modulate(profile, header(symbols), latents(symbols)))
        parts += [*packets, np.zeros(_GAP, np.complex64)]
        total += sum(map(len, packets)) + _GAP
    sent = np.concatenate(parts)
    noise = np.sqrt(10 ** (-snr_db / 10) / profile.occupied_fraction)
    return sent + complex_noise(np.random.default_rng(1), len(sent)) * np.float32(noise)


def sending(profile: Profile, symbols: int) -> float:
    """Msamples per second of this thread's own time."""
    seen, pictures, latent = 0, max(1, 60_000 // symbols), latents(symbols)
    start = time.thread_time()
    for _ in range(pictures):
        seen += sum(len(s) for s in modulate(profile, header(symbols), latent))
    return seen / (time.thread_time() - start) / 1e6


def receiving(profile: Profile, samples: np.ndarray) -> float:
    """Likewise."""
    receiver, packets = Receiver(profile), 0
    start = time.thread_time()
    for first in range(0, len(samples), 8192):
        packets += len(receiver.push(samples[first : first + 8192]))
    seconds = time.thread_time() - start
    assert packets > 0
    return len(samples) / seconds / 1e6


def compared(run: Callable[[], float], rounds: int) -> tuple[float, float, float]:
    """Medians with kernels and without, in turns, and the median of their ratios."""
    pairs = []
    for _ in range(rounds):
        fast = run()
        with numpy_only():
            pairs.append((fast, run()))
    fast, slow = np.array(pairs).T
    return float(np.median(fast)), float(np.median(slow)), float(np.median(fast / slow))
