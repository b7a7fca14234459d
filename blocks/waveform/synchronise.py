# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a packet: detection on the short part, carrier offset, timing on the long part.

Detection correlates the signal with itself one short period later (T. M. Schmidl, D. C. Cox,
"Robust frequency and timing synchronization for OFDM", IEEE Trans. Commun. 45(12), 1997). A tone,
or any narrow signal, does that too, but correlates at shorter lags as well, where the short part
does not: it has several carriers, and of two some power of two below the period is a lag at which
they are in opposition.
The carrier offset is then refined over longer and longer lags, each unambiguous within the
accuracy of the one before.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

from percast.blocks.waveform.formats.kinds import KINDS
from percast.blocks.waveform.preamble import training_symbol
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import shift

BLOCK = 32  # samples per detection step
# Squared normalised correlation times the length of the short part: noise alone exceeds it about
# once in 10^7 steps, a packet with the longer one lies at about 50 at -3 dB, with the shorter one
# at 80 at 3 dB.
_THRESHOLD = 16.0
# Least correlation at the shorter lags over that at the short period, above which a signal is too
# narrow for a short part: 0 for six equal carriers, 0.8 where 90% of the power is in one of them.
NARROW = 0.8
# In noise alone the correlation with one training symbol, or the mean of two, exceeds so many times
# its mean at one instant in 12,000; a packet at -3 dB lies at 72 without multipath.
_TRAINED = {1: 9.0, 2: 6.0}
_REACH = 24  # blocks: the longest short part, and some more
# How far the detection's idea of the start may be off, in samples.
TIMING_SLACK = 192
# A path this much weaker than the strongest may still be the first.
FIRST_PATH_DB = 11.0
# The FFT window starts this many samples before the first path, for paths yet weaker.
WINDOW_ADVANCE = 6


@dataclass(frozen=True)
class Sync:
    """Where a packet lies, and of which kind it is.

    Args:
        start: first sample of its first training symbol's window (already moved into the prefix
            by `WINDOW_ADVANCE`).
        freq_offset: in cycles per sample.
        profile: with the kind whose training symbols these are.
        trained: share of the samples' energy there that the training symbols explain.
    """

    start: int
    freq_offset: float
    profile: Profile
    trained: float


@lru_cache(maxsize=32)
def short_parts(profile: Profile) -> tuple[tuple[Profile, ...], ...]:
    """The kinds that a receiver knows, those with a short part of one length together, the longest
    first."""
    kinds = [profile.of(name) for name in KINDS]
    lengths = sorted({p.short_len for p in kinds}, reverse=True)
    return tuple(tuple(p for p in kinds if p.short_len == length) for length in lengths)


@dataclass(frozen=True)
class Detection:
    """A short part of one length, or what looks like it.

    Args:
        kinds: those with such a short part.
        strength: squared correlation over windows of its length that start at each block, float
            [windows].
        first: the first window over the threshold that is no narrow-band signal; None for none.
    """

    kinds: tuple[Profile, ...]
    strength: np.ndarray
    first: int | None

    def summit(self) -> int:
        """Window at which the short part starts: a climb from `first` to a value that none of the
        next ones exceeds.

        The window's overlap with the short part, and so the correlation, peaks within the longest
        short part's length; a climb also gets past faint tones in the silence before it.
        """
        start = self.first
        while (step := int(self.strength[start : start + _REACH].argmax())) > 0:
            start += step
        return start


def detect(
    kinds: tuple[Profile, ...], samples: np.ndarray, corr: np.ndarray, energy: np.ndarray
) -> Detection:
    """Looks for a short part.

    Args:
        kinds: of one of `short_parts`.
        samples: complex64, what is searched.
        corr, energy: its `detection_sums`, at least as many as the short part has blocks.
    """
    p = kinds[0]
    window = p.short_len // BLOCK
    sums = sliding_sum(corr, window)
    strength = sums.real**2 + sums.imag**2
    least = _THRESHOLD / p.short_len * sliding_sum(energy, window) ** 2
    return Detection(
        kinds, strength, first_broad(p, samples, strength, np.flatnonzero(strength > least))
    )


def detection_sums(
    profile: Profile, samples: np.ndarray, blocks: int
) -> tuple[np.ndarray, np.ndarray]:
    """Lagged correlation and energy of every block of `BLOCK` samples.

    Args:
        samples: complex64 [at least blocks * BLOCK + short_period].

    Returns:
        complex64 [blocks], float32 [blocks].
    """
    view = samples[: blocks * BLOCK].view(np.float32).reshape(blocks, 2 * BLOCK)
    energy = np.einsum("ij,ij->i", view, view)
    return _lagged_sums(samples, profile.short_period, blocks), energy


def _lagged_sums(samples: np.ndarray, lag: int, blocks: int) -> np.ndarray:
    """Correlation of every block of samples with those `lag` later, complex64 [blocks]."""
    n = blocks * BLOCK
    return (samples[lag : n + lag] * samples[:n].conj()).reshape(blocks, BLOCK).sum(1)


def first_broad(
    profile: Profile, samples: np.ndarray, strength: np.ndarray, over: np.ndarray
) -> int | None:
    """The first detection that is no narrow-band signal.

    Args:
        samples: complex64, what was searched.
        strength: squared correlation at the short period over windows of the short part's
            length that start at each block, float [windows].
        over: where it is over the threshold, ascending, int [detections], at least one.

    Returns:
        One of `over`, or None.
    """
    window, reach = profile.short_len // BLOCK, 2 * profile.short_len // BLOCK
    if len(over) and _is_broad(profile, samples, int(over[0]), float(strength[over[0]])):
        return int(over[0])
    while len(over):
        # A tone may last long: look further every time.
        these = over[: np.searchsorted(over, over[0] + reach)]
        blocks = these[-1] - these[0] + window
        part = samples[these[0] * BLOCK :]
        least = np.full(len(these), np.inf)
        lag = profile.short_period // 2
        while lag:
            sums = sliding_sum(_lagged_sums(part, lag, blocks), window)[these - these[0]]
            least = np.minimum(least, np.abs(sums) ** 2)
            lag //= 2
        broad = np.flatnonzero(least < NARROW**2 * strength[these])
        if len(broad):
            return int(these[broad[0]])
        over, reach = over[len(these) :], 4 * reach
    return None


def _is_broad(profile: Profile, samples: np.ndarray, block: int, strength: float) -> bool:
    """The test of `first_broad` at one window only, which nearly always is all that it takes."""
    part = samples[block * BLOCK : block * BLOCK + profile.short_len]
    lag = profile.short_period // 2
    while lag:
        if abs(complex(np.vdot(part[:-lag], part[lag:]))) ** 2 < NARROW**2 * strength:
            return True
        lag //= 2
    return False


def sliding_sum(values: np.ndarray, width: int) -> np.ndarray:
    """Sums of `width` neighbours, [n] to [n - width + 1], in double precision."""
    total = np.zeros(len(values) + 1, complex if np.iscomplexobj(values) else float)
    np.cumsum(values, out=total[1:])
    return total[width:] - total[:-width]


def lagged_phase(samples: np.ndarray, lag: int) -> float:
    """Phase advance in rad over `lag` samples of a signal that repeats itself after them."""
    product = complex(np.vdot(samples[:-lag], samples[lag:]))
    return math.atan2(product.imag, product.real)


def refine(freq: float, samples: np.ndarray, lag: int) -> float:
    """The carrier offset (cycles/sample) nearest to `freq` that `lagged_phase` agrees with."""
    turns = lagged_phase(samples, lag) / (2 * np.pi)
    return (turns + round(freq * lag - turns)) / lag


@lru_cache(maxsize=32)
def _matched_filter(profile: Profile, size: int) -> np.ndarray:
    """Transform of a training symbol, conjugated, complex64 [size]."""
    return fft.fft(training_symbol(profile), size).conj()


def locate(
    kinds: tuple[Profile, ...], samples: np.ndarray, short_start: int, freq: float
) -> Sync | None:
    """Exact timing, carrier offset and kind of a packet whose short part was detected.

    Args:
        kinds: that it may be.
        samples: complex64; must reach `preamble_len + TIMING_SLACK` past `short_start`.
        short_start: about where the short part starts.
        freq: carrier offset from the short period, cycles per sample.

    Returns:
        None when no training symbols are there.
    """
    p = kinds[0]  # they differ in their training symbols' values only
    n, period, count = p.fft_size, p.short_period, p.training_symbols
    short = samples[short_start + 2 * BLOCK : short_start + p.short_len - 2 * BLOCK]
    for lag in (4 * period, 16 * period):
        freq = refine(freq, short, lag)

    lo = short_start + p.short_len + p.long_guard - TIMING_SLACK
    span = 2 * TIMING_SLACK
    window = shift(samples[lo : lo + span + count * n], freq)
    size = fft.next_fast_len(len(window))  # what wraps around is not looked at
    spectrum = fft.fft(window, size)
    most, found = 0.0, None
    for kind in kinds:
        corr = fft.ifft(spectrum * _matched_filter(kind, size), overwrite_x=True)[
            : span + (count - 1) * n
        ]
        power = corr.real**2 + corr.imag**2
        both = power[:span]
        if count == 2:
            both = both + power[n : n + span]
        if (peak := float(both.max())) > most:
            most, found = peak, (kind, both)
    if found is None:
        return None
    kind, both = found
    peak = int(both.argmax())
    trained = window[peak : peak + count * n]
    energy = np.vdot(trained, trained).real
    # In noise alone the correlation takes 1/n of the energy.
    if both[peak] < _TRAINED[count] * energy:
        return None
    early = both[max(0, peak - p.cp_len) : peak + 1]
    first = peak + 1 - len(early) + int(np.argmax(early > both[peak] * 10 ** (-FIRST_PATH_DB / 10)))
    start = lo + first - WINDOW_ADVANCE
    if count == 2:
        freq = refine(freq, samples[start : start + 2 * n], n)
    else:  # now that it is known where the short part lies
        end = lo + first - p.long_guard
        short = samples[max(0, end - p.short_len) : end]
        for lag in (16 * period, 24 * period):
            freq = refine(freq, short, lag)
    return Sync(start, freq, kind, float(both[peak] / energy))
