# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of the stream: damaged samples, DC offset, detection, timing, carriers."""

import math

import numpy as np
from numba import types

from percast.blocks.waveform.kernels.jit import (
    BOOL,
    C1,
    C2,
    DOUBLE,
    F1,
    FLOAT,
    I1,
    INT,
    OUT_C1,
    OUT_C2,
    OUT_D1,
    OUT_F1,
    inner,
    kernel,
    middle,
    power_of,
    ramp,
)

f32 = np.float32
TAU = 2 * math.pi


@kernel(types.complex128, C1, DOUBLE)
def block_dc(block, outlier):
    """`condition._block_dc`."""
    some = np.empty((len(block) + 63) // 64)
    for i in range(len(some)):
        v = block[64 * i]
        some[i] = v.real * v.real + v.imag * v.imag
    limit = f32(outlier * middle(some))
    re, im, most = f32(0), f32(0), f32(0)
    for i in range(len(block)):
        v = block[i]
        re += v.real
        im += v.imag
        most = max(most, v.real * v.real + v.imag * v.imag)
    count = len(block)
    if most > limit:
        re, im, count = f32(0), f32(0), 0
        for i in range(len(block)):
            v = block[i]
            if v.real * v.real + v.imag * v.imag <= limit:
                re += v.real
                im += v.imag
                count += 1
    return complex(re / count, im / count)


@kernel(INT, C1, FLOAT)
def count_bad(samples, wild):
    """Samples of which a part is not within +-wild, or no number at all."""
    bad = 0
    for i in range(len(samples)):
        v = samples[i]
        good = (abs(v.real) < wild) & (abs(v.imag) < wild)
        bad += not good
    return bad


@kernel(INT, C1, OUT_C1, OUT_C1, OUT_D1, FLOAT, DOUBLE, INT)
def condition(samples, out, block, state, wild, outlier, memory):
    """Damaged samples to zeros, DC offset off: `condition.Conditioner`.

    Args:
        samples: complex64 [n].
        out: to be filled, complex64 [n].
        block: samples of the block that is filling up, complex64 [block].
        state: float64 [4]: DC offset, real and imaginary; blocks that it is the mean of; samples
            in `block`.
        wild, outlier, memory: see there.

    Returns:
        How many were damaged.
    """
    bad = count_bad(samples, wild)
    done = 0
    while done < len(samples):
        filled = int(state[3])
        count = min(len(samples) - done, len(block) - filled)
        dc = complex(f32(state[0]), f32(state[1]))
        if bad:
            for i in range(count):
                v = samples[done + i]
                if not ((abs(v.real) < wild) & (abs(v.imag) < wild)):
                    v = np.complex64(0)
                block[filled + i] = v
        else:
            for i in range(count):
                block[filled + i] = samples[done + i]
        for i in range(count):
            v = block[filled + i]
            out[done + i] = complex(v.real - dc.real, v.imag - dc.imag)
        done += count
        state[3] = filled + count
        if state[3] == len(block):
            state[3] = 0
            state[2] = min(state[2] + 1, memory)
            mean = block_dc(block, outlier)
            state[0] += (mean.real - state[0]) / state[2]
            state[1] += (mean.imag - state[1]) / state[2]
    return bad


@kernel(types.complex128, C1, INT, INT, INT)
def _lagged(samples, first, count, lag):
    """Correlation of `count` samples from `first` on with those `lag` later."""
    re, im = f32(0), f32(0)
    for i in range(first, first + count):
        a, b = samples[i], samples[i + lag]
        re += a.real * b.real + a.imag * b.imag
        im += a.real * b.imag - a.imag * b.real
    return complex(re, im)


@kernel(DOUBLE, types.complex128)
def _squared(value):
    return value.real * value.real + value.imag * value.imag


@kernel(BOOL, C1, INT, INT, INT, DOUBLE)
def _is_broad(samples, first, length, period, narrowest):
    """`synchronise._is_broad`."""
    lag = period // 2
    while lag:
        sums = _lagged(samples, first, length - lag, lag)
        if _squared(sums) < narrowest:
            return True
        lag //= 2
    return False


@kernel(types.UniTuple(INT, 2), C1, INT, INT, INT, DOUBLE, DOUBLE, INT, INT)
def find(samples, period, short_len, step, threshold, narrow, reach, before):
    """`synchronise.find`: sums go no further than they are needed.

    Args:
        samples: complex64, the stream's.
        period, short_len, step: of the short part, its length, and of a block, samples.
        threshold: of the squared correlation over the squared energy.
        narrow: see `synchronise.NARROW`.
        reach: blocks over which a summit is one.
        before: block at which the short part must have begun.

    Returns:
        The first block over the threshold that is no tone, and the summit after it; -1 for none.
    """
    window, blocks = short_len // step, (len(samples) - period) // step
    windows = blocks - window + 1
    if windows <= 0:
        return -1, -1
    # Sums over all blocks before; correlations at the period, and for tones at half of it, ...
    lags = 0
    while period >> (lags + 1):
        lags += 1
    energy, corr = np.zeros(blocks + 1), np.zeros(blocks + 1, np.complex128)
    shorter = np.zeros((lags, blocks + 1), np.complex128)
    strength = np.empty(windows)
    summed, shorter_summed, first, start = 0, -1, -1, -1
    for w in range(windows):
        if first < 0 and w >= before:
            break
        while summed < w + window:
            at = summed * step
            energy[summed + 1] = energy[summed] + power_of(samples[at : at + step])
            corr[summed + 1] = corr[summed] + _lagged(samples, at, step, period)
            summed += 1
        strength[w] = _squared(corr[w + window] - corr[w])
        if first >= 0:
            # A climb to a value that none of the next ones exceeds.
            if strength[w] > strength[start]:
                start = w
            elif w >= start + reach - 1:
                break
            continue
        power = energy[w + window] - energy[w]
        if not strength[w] > threshold * power * power:
            continue
        limit = narrow * narrow * strength[w]
        broad = False
        if shorter_summed < 0:  # nearly always that is all that it takes
            broad = _is_broad(samples, w * step, short_len, period, limit)
            shorter_summed = w
        if not broad:
            while shorter_summed < w + window:
                at = shorter_summed * step
                for j in range(lags):
                    part = _lagged(samples, at, step, period >> (j + 1))
                    shorter[j, shorter_summed + 1] = shorter[j, shorter_summed] + part
                shorter_summed += 1
            for j in range(lags):
                broad = broad or _squared(shorter[j, w + window] - shorter[j, w]) < limit
        if broad:
            first = start = w
    return first, start


@kernel(DOUBLE, C1, INT)
def _lagged_turns(samples, lag):
    product = inner(samples[: len(samples) - lag], samples[lag:])
    return math.atan2(product.imag, product.real) / TAU


@kernel(DOUBLE, DOUBLE, C1, INT)
def refined(freq, samples, lag):
    """`synchronise.refine`."""
    turns = _lagged_turns(samples, lag)
    return (turns + np.rint(freq * lag - turns)) / lag


@kernel(types.void, C1, DOUBLE, OUT_C1)
def shifted(samples, turn, out):
    """Samples times exp(j turn i), complex64 [n]."""
    cos, sin = np.empty(len(samples), np.float32), np.empty(len(samples), np.float32)
    ramp(cos, sin, 0.0, turn)
    for i in range(len(samples)):
        v = samples[i]
        out[i] = complex(v.real * cos[i] - v.imag * sin[i], v.real * sin[i] + v.imag * cos[i])


@kernel(DOUBLE, C1, INT, INT, INT, INT, INT, INT, OUT_C1, brief=True)
def align(samples, start, short_len, period, margin, lo, length, window):
    """Carrier offset from the short part, and what may hold the training symbols moved by it: the
    first half of `synchronise.locate`.

    Args:
        samples: complex64, the stream's.
        start, short_len, period: of the short part, samples.
        margin: samples of it on either side that are left out in refining.
        lo, length: what to move.
        window: to be filled, complex64 [at least length], zeros at its end.
    """
    short = samples[start : start + short_len]
    freq = _lagged_turns(short, period) / period
    short = short[margin : short_len - margin]
    freq = refined(freq, short, 4 * period)
    freq = refined(freq, short, 16 * period)
    shifted(samples[lo : lo + length], -TAU * freq, window)
    window[length:] = 0
    return freq


@kernel(types.Tuple((OUT_F1, INT)), C1, INT, INT, INT, brief=True)
def peak(corr, n, span, count):
    """`synchronise._peak`."""
    power = np.empty(span, np.float32)
    for i in range(span):
        a = corr[i]
        power[i] = a.real * a.real + a.imag * a.imag
    if count == 2:
        for i in range(span):
            a = corr[n + i]
            power[i] += a.real * a.real + a.imag * a.imag
    highest = 0
    for i in range(span):
        if power[i] > power[highest]:
            highest = i
    return power, highest


@kernel(
    types.Tuple((INT, DOUBLE, DOUBLE)),
    C1, C1, F1, INT, INT, DOUBLE, INT, INT, INT, DOUBLE, DOUBLE, INT, INT, INT, INT, brief=True,
)  # fmt: skip
def settle(
    samples, window, power, highest, lo, freq, n, count, cp_len,
    least, early_share, advance, guard, short_len, period,
):  # fmt: skip
    """`synchronise._settle`."""
    energy = power_of(window[highest : highest + count * n])
    if not (power[highest] >= least * energy and energy > 0):
        return 0, 0.0, 0.0
    first = max(0, highest - cp_len)
    while first < highest and not power[first] > power[highest] * early_share:
        first += 1
    start = lo + first - advance
    if count == 2:
        freq = refined(freq, samples[start : start + 2 * n], n)
    else:
        end = lo + first - guard
        short = samples[max(0, end - short_len) : end]
        for periods in (4, 16, 24):
            if len(short) > (periods + 1) * period:
                freq = refined(freq, short, periods * period)
    return start, freq, power[highest] / energy


@kernel(types.void, C1, INT, I1, DOUBLE, OUT_C2)
def windows(samples, start, starts, turn, out):
    """The windows at start + `starts`, each times exp(j turn i) within itself, complex64
    [symbols, n]."""
    n = out.shape[1]
    cos, sin = np.empty(n, np.float32), np.empty(n, np.float32)
    ramp(cos, sin, 0.0, turn)
    for s in range(len(starts)):
        at = start + starts[s]
        for i in range(n):
            v = samples[at + i]
            out[s, i] = complex(
                v.real * cos[i] - v.imag * sin[i], v.real * sin[i] + v.imag * cos[i]
            )


@kernel(types.void, C2, I1, DOUBLE, DOUBLE, OUT_C2, brief=True)
def gather(grid, starts, turn, scale, out):
    """The occupied bins of each window's transform, times scale * exp(j turn starts[s]), complex64
    [symbols, n_occupied]."""
    half, bins = out.shape[1] // 2, grid.shape[1]
    for s in range(len(starts)):
        phase = turn * starts[s]
        re, im = f32(scale * math.cos(phase)), f32(scale * math.sin(phase))
        for c in range(half):
            v = grid[s, bins - half + c]
            out[s, c] = complex(v.real * re - v.imag * im, v.real * im + v.imag * re)
        for c in range(half):
            v = grid[s, 1 + c]
            out[s, half + c] = complex(v.real * re - v.imag * im, v.real * im + v.imag * re)


@kernel(types.complex64, C1, types.complex64, types.complex64, types.complex64, OUT_C1)
def notch(samples, zero, pole, state, out):
    """`tones.notch`; the state has single precision, so that chunks make no difference."""
    zr, zi, pr, pi = f32(zero.real), f32(zero.imag), f32(pole.real), f32(pole.imag)
    re, im = f32(state.real), f32(state.imag)
    for i in range(len(samples)):
        x = samples[i]
        yr, yi = x.real + re, x.imag + im
        re = zr * x.real - zi * x.imag - (pr * yr - pi * yi)
        im = zr * x.imag + zi * x.real - (pr * yi + pi * yr)
        out[i] = complex(yr, yi)
    return complex(re, im)
