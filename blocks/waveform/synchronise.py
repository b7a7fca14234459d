# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a packet: detection on the short part, carrier offset, timing on the long part.

Detection correlates the signal with itself one short period later (T. M. Schmidl, D. C. Cox,
"Robust frequency and timing synchronization for OFDM", IEEE Trans. Commun. 45(12), 1997).
The carrier offset is then refined over longer and longer lags, each unambiguous within the
accuracy of the one before.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from percast.blocks.waveform.preamble import training_symbol
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import shift

BLOCK = 32  # samples per detection step
# Squared normalised correlation: noise alone exceeds it about once in 10^7 steps, a packet at
# -3 dB lies at about 0.08.
THRESHOLD = 0.025
# How far the detection's idea of the start may be off, in samples.
TIMING_SLACK = 192
# A path this much weaker than the strongest may still be the first.
FIRST_PATH_DB = 11.0
# The FFT window starts this many samples before the first path, for paths yet weaker.
BACKOFF = 6


@dataclass(frozen=True)
class Sync:
    """Where a packet lies: `start` is the first sample of its first training symbol's window
    (already moved into the prefix by `BACKOFF`), `freq_offset` in cycles per sample."""

    start: int
    freq_offset: float


def detection_sums(
    profile: Profile, samples: np.ndarray, blocks: int
) -> tuple[np.ndarray, np.ndarray]:
    """Lagged correlation and energy of every block of `BLOCK` samples.

    Args:
        samples: complex64 [at least blocks * BLOCK + short_period].

    Returns:
        complex64 [blocks], float32 [blocks].
    """
    n = blocks * BLOCK
    x, later = samples[:n], samples[profile.short_period : n + profile.short_period]
    corr = (later * x.conj()).reshape(blocks, BLOCK).sum(1)
    view = samples[:n].view(np.float32).reshape(blocks, 2 * BLOCK)
    return corr, np.einsum("ij,ij->i", view, view)


def lagged_phase(samples: np.ndarray, lag: int) -> float:
    """Phase advance in rad over `lag` samples of a signal that repeats itself after them."""
    return float(np.angle(np.vdot(samples[:-lag], samples[lag:])))


def refine(freq: float, samples: np.ndarray, lag: int) -> float:
    """The carrier offset (cycles/sample) nearest to `freq` that `lagged_phase` agrees with."""
    turns = lagged_phase(samples, lag) / (2 * np.pi)
    return (turns + round(freq * lag - turns)) / lag


def locate(profile: Profile, samples: np.ndarray, short_start: int, freq: float) -> Sync | None:
    """Exact timing and carrier offset of a packet whose short part was detected.

    Args:
        samples: complex64; must reach `preamble_len + TIMING_SLACK` past `short_start`.
        short_start: about where the short part starts.
        freq: carrier offset from the short period, cycles per sample.

    Returns:
        None when no training symbols are there.
    """
    n, period = profile.fft_size, profile.short_period
    short = samples[short_start + 2 * BLOCK : short_start + profile.short_len - 2 * BLOCK]
    for lag in (4 * period, 16 * period):
        freq = refine(freq, short, lag)

    lo = short_start + profile.short_len + profile.long_guard - TIMING_SLACK
    span = 2 * TIMING_SLACK
    window = shift(samples[lo : lo + span + 2 * n], freq)
    size = fft.next_fast_len(len(window) + n)
    known = fft.fft(training_symbol(profile), size)
    corr = fft.ifft(fft.fft(window, size) * known.conj())[: span + n]
    power = np.abs(corr) ** 2
    both = power[:span] + power[n : n + span]

    peak = int(both.argmax())
    energy = np.vdot(window[peak : peak + 2 * n], window[peak : peak + 2 * n]).real
    # In noise alone the correlation takes 1/n of the energy.
    if both[peak] * 2 < 8 * energy:
        return None
    early = both[max(0, peak - profile.cp_len) : peak + 1]
    first = peak + 1 - len(early) + int(
        np.argmax(early > both[peak] * 10 ** (-FIRST_PATH_DB / 10))
    )
    start = lo + first - BACKOFF
    freq = refine(freq, samples[start : start + 2 * n], n)
    return Sync(start, freq)
