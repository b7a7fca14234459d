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

from percast.blocks.waveform import kernels
from percast.blocks.waveform.formats.kinds import KINDS
from percast.blocks.waveform.preamble import training_symbol
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import shift

BLOCK = 32  # samples per detection step
# Squared normalised correlation times the length of the short part: noise alone exceeds it about
# once in 10^7 steps, a packet with the longer one lies at about 50 at -3 dB, with the shorter one
# at 80 at 3 dB, or at 0 dB where it is boosted.
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


def find(
    profile: Profile, samples: np.ndarray, before: int | None = None
) -> tuple[int, int] | None:
    """Looks for a short part.

    Args:
        profile: with the kind whose short part it is.
        samples: complex64.
        before: block at which it must have begun; None for any.

    Returns:
        The first block of `BLOCK` samples at which a window of the short part's length is over the
        threshold and no narrow-band signal; and the block at which the short part starts, by a
        climb from there to where the correlation is highest. None where there is none.
    """
    p = profile
    threshold = _THRESHOLD / p.short_len
    if (fast := kernels.ready()) is not None:
        first, best = fast.front.find(
            samples, p.short_period, p.short_len, BLOCK, threshold, NARROW, _REACH,
            len(samples) if before is None else before,
        )  # fmt: skip
        return None if first < 0 else (first, best)
    window, blocks = p.short_len // BLOCK, (len(samples) - p.short_period) // BLOCK
    if blocks < window:
        return None
    corr, energy = detection_sums(p, samples, blocks)
    corr = sliding_sum(corr, window)
    strength = corr.real**2 + corr.imag**2
    over = np.flatnonzero(strength > threshold * sliding_sum(energy, window) ** 2)
    first = first_broad(p, samples, strength, over if before is None else over[over < before])
    return None if first is None else (first, _summit(strength, first))


def _summit(strength: np.ndarray, start: int) -> int:
    """Climb from `start` to a value that none of the next ones exceeds.

    The window's overlap with the short part, and so the correlation, peaks within the longest
    short part's length; a climb also gets past faint tones in the silence before it.
    """
    while (step := int(strength[start : start + _REACH].argmax())) > 0:
        start += step
    return start


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


def locate(kinds: tuple[Profile, ...], samples: np.ndarray, short_start: int) -> Sync | None:
    """Exact timing, carrier offset and kind of a packet whose short part was detected.

    Args:
        kinds: that it may be.
        samples: complex64; must reach `preamble_len + TIMING_SLACK` past `short_start`.
        short_start: about where the short part starts.

    Returns:
        None when no training symbols are there.
    """
    p = kinds[0]  # they differ in their training symbols' values only
    n, span, count = p.fft_size, 2 * TIMING_SLACK, p.training_symbols
    lo = short_start + p.short_len + p.long_guard - TIMING_SLACK
    length = span + count * n
    size = fft.next_fast_len(length)  # what wraps around is not looked at
    fast = kernels.ready()
    align, peak_of, settle = (
        (_align, _peak, _settle)
        if fast is None
        else (fast.front.align, fast.front.peak, fast.front.settle)
    )
    window = np.empty(size, np.complex64)
    freq = align(samples, short_start, p.short_len, p.short_period, 2 * BLOCK, lo, length, window)
    spectrum = fft.fft(window)
    best = None
    for kind in kinds:
        corr = fft.ifft(spectrum * _matched_filter(kind, size), overwrite_x=True)
        power, peak = peak_of(corr, n, span, count)
        if best is None or power[peak] > best[1][best[2]]:
            best = kind, power, peak
            # Of all energy: no other kind's symbols can explain more than the rest.
            if power[peak] > n / 2 * np.vdot(there := window[peak : peak + count * n], there).real:
                break
    kind, power, peak = best
    early_share = 10 ** (-FIRST_PATH_DB / 10)
    start, freq, trained = settle(
        samples, window, power, peak, lo, freq, n, count, p.cp_len,
        _TRAINED[count], early_share, WINDOW_ADVANCE, p.long_guard, p.short_len, p.short_period,
    )  # fmt: skip
    return Sync(start, freq, kind, trained) if trained else None


def _align(
    samples: np.ndarray,
    start: int,
    short_len: int,
    period: int,
    margin: int,
    lo: int,
    length: int,
    window: np.ndarray,
) -> float:
    """Carrier offset in cycles per sample from the short part at `start`, of which `margin` samples
    at either end are left out in refining it; and `length` samples from `lo` on moved by it, into
    `window`, complex64, with zeros behind them."""
    short = samples[start : start + short_len]
    freq = lagged_phase(short, period) / (2 * np.pi * period)
    for lag in (4 * period, 16 * period):
        freq = refine(freq, short[margin:-margin], lag)
    window[:length] = shift(samples[lo : lo + length], freq)
    window[length:] = 0
    return freq


def _peak(corr: np.ndarray, n: int, span: int, count: int) -> tuple[np.ndarray, int]:
    """Power of the correlation with one or two (`count`) training symbols of `n` samples at each of
    `span` instants, float32 [span], and where it is highest; `corr` is the one with one, complex64.
    """
    power = corr.real**2 + corr.imag**2
    both = power[:span] + power[n : n + span] if count == 2 else power[:span]
    return both, int(both.argmax())


def _settle(
    samples: np.ndarray,
    window: np.ndarray,
    power: np.ndarray,
    peak: int,
    lo: int,
    freq: float,
    n: int,
    count: int,
    cp_len: int,
    least: float,
    early_share: float,
    advance: int,
    guard: int,
    short_len: int,
    period: int,
) -> tuple[int, float, float]:
    """Where the training symbols start.

    Args:
        window: complex64, `samples` from `lo` on, moved by `freq`.
        power, peak: see `_peak`.
        n, count, cp_len: transform size, number of training symbols, cyclic prefix.
        least: times that the correlation must exceed its mean.
        early_share: of the peak's power, that makes an earlier path.
        advance: samples by which the windows lie before the first path.
        guard, short_len, period: of what lies before the training symbols.

    Returns:
        The start; the carrier offset; the share of energy that is explained, 0 where there are no
        training symbols.
    """
    trained = window[peak : peak + count * n]
    energy = np.vdot(trained, trained).real
    # In noise alone the correlation takes 1/n of the energy.
    if not power[peak] >= least * energy > 0:
        return 0, 0.0, 0.0
    early = power[max(0, peak - cp_len) : peak + 1]
    first = peak + 1 - len(early) + int(np.argmax(early > power[peak] * early_share))
    start = lo + first - advance
    if count == 2:
        freq = refine(freq, samples[start : start + 2 * n], n)
    else:  # now that it is known where the short part lies
        end = lo + first - guard
        short = samples[max(0, end - short_len) : end]
        for lag in (4 * period, 16 * period, 24 * period):
            if len(short) > lag + period:  # of one that began before the samples do, less is there
                freq = refine(freq, short, lag)
    return start, freq, float(power[peak] / energy)
