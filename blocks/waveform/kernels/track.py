# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves over a packet: kernels of `percast.blocks.waveform.track` and of `estimate`."""

import math

import numpy as np
from numba import types

from percast.blocks.waveform.kernels.jit import (
    C1,
    C2,
    D1,
    DOUBLE,
    F1,
    F3,
    INT,
    OUT_C1,
    kernel,
    power_of,
)

f32 = np.float32
TAU = 2 * math.pi


@kernel(DOUBLE, C1, C1)
def rotation_rate(gains, grid):
    """`track.rotation_rate`; `grid` holds exp(-2j pi k / size) for every bin k of its periodogram.

    The sums of all bins grow together (Horner's rule), a symbol at a time.
    """
    size = len(grid)
    re, im = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for s in range(len(gains) - 1, -1, -1):
        g_re, g_im = gains[s].real, gains[s].imag
        for k in range(size):
            w = grid[k]
            a, b = re[k], im[k]
            re[k] = a * w.real - b * w.imag + g_re
            im[k] = a * w.imag + b * w.real + g_im
    peak, most = 0, f32(-1)
    for k in range(size):
        power = re[k] * re[k] + im[k] * im[k]
        if power > most:
            peak, most = k, power
    before, after = (peak - 1) % size, (peak + 1) % size
    left = math.sqrt(re[before] * re[before] + im[before] * im[before])
    right = math.sqrt(re[after] * re[after] + im[after] * im[after])
    curvature = left - 2 * math.sqrt(max(most, f32(0))) + right
    offset = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    turns = (peak + offset) / size
    return TAU * (turns - np.rint(turns))


@kernel(types.void, F3, C1, OUT_C1)
def project(projection, raw, out):
    """A complex matrix, float32 [real and imaginary, n, n], times complex64 [n]."""
    n = len(raw)
    x_re, x_im = np.empty(n, np.float32), np.empty(n, np.float32)
    for j in range(n):
        x_re[j], x_im[j] = raw[j].real, raw[j].imag
    for i in range(n):
        a, b = projection[0, i], projection[1, i]
        re, im = f32(0), f32(0)
        for j in range(n):
            re += a[j] * x_re[j] - b[j] * x_im[j]
            im += a[j] * x_im[j] + b[j] * x_re[j]
        out[i] = complex(re, im)


@kernel(types.Tuple((OUT_C1, INT)), C2, C2, F3, INT)
def trained_channel(rows, known, projection, trained):
    """The channel from those of the `trained` first rows that are not blanked, complex64
    [n_occupied]; and how many these are."""
    n = rows.shape[1]
    raw, used = np.zeros(n, np.complex64), 0
    for t in range(trained):
        if power_of(rows[t]) > 0:
            used += 1
            for c in range(n):
                raw[c] += rows[t, c] * known[t, c]
    scale = f32(1 / max(used, 1))
    for c in range(n):
        raw[c] *= scale
    channel = np.empty(n, np.complex64)
    project(projection, raw, channel)
    return channel, used


@kernel(DOUBLE, C2, D1, D1, F1, DOUBLE)
def clock_drift(products, power, carrier, time, fine_enough):
    """`track.clock_drift`. Time goes on in steps of one symbol, and every pilot's phase in steps
    of its own: so each symbol turns by a product, and not by a cosine and a sine."""
    rows, pilots = products.shape
    furthest, sum_carrier = 0.0, 0.0
    for k in range(pilots):
        furthest = max(furthest, abs(carrier[k]))
        sum_carrier += power[k] * carrier[k] * carrier[k]
    reach = furthest * time[rows - 1]
    drift = 0.0
    c, s = np.empty(pilots, np.float32), np.empty(pilots, np.float32)
    c_step, s_step = np.empty(pilots, np.float32), np.empty(pilots, np.float32)
    lever = carrier.astype(np.float32)
    for attempt in range(5):
        count = rows
        if attempt == 0:
            count = min(rows, 12)
        elif attempt == 1:
            count = min(rows, 28)
        if attempt < 2 and count == rows:
            continue
        for k in range(pilots):
            step = drift * carrier[k]
            c[k], s[k] = math.cos(step * time[0]), math.sin(step * time[0])
            c_step[k], s_step[k] = math.cos(step), math.sin(step)
        total, weight = 0.0, 0.0
        for r in range(count):
            part = f32(0)
            for k in range(pilots):
                part += (products[r, k].imag * c[k] - products[r, k].real * s[k]) * lever[k]
                turned = c[k] * c_step[k] - s[k] * s_step[k]
                s[k] = c[k] * s_step[k] + s[k] * c_step[k]
                c[k] = turned
            total += part * time[r]
            weight += time[r] * time[r]
        step = total / (weight * sum_carrier)
        drift += step
        if count == rows and abs(step) * reach < fine_enough:
            break
    return drift


@kernel(types.void, C1, DOUBLE, OUT_C1)
def smooth_gains(gains, variance, out):
    """`track.smooth_gains` with running sums in place of averaging matrices."""
    n = len(gains)
    sums = np.zeros(n + 1, np.complex128)
    total = 0.0
    for i in range(n):
        change = complex(gains[i]) - 1
        sums[i + 1] = sums[i] + change
        total += change.real * change.real + change.imag * change.imag
    best, best_reach = total / n - variance, -1
    for width in (1, 3, 5, 9, 17, 33, 2 * n - 1):
        if width >= n and width != 2 * n - 1:
            continue
        reach = width // 2
        left, own = 0.0, 0.0
        for i in range(n):
            lo, hi = max(i - reach, 0), min(i + reach + 1, n)
            mean = (sums[hi] - sums[lo]) / (hi - lo)
            error = complex(gains[i]) - 1 - mean
            left += error.real * error.real + error.imag * error.imag
            own += 1 / (hi - lo)
        risk = left / n + (2 * own / n - 1) * variance
        if risk < best:
            best, best_reach = risk, reach
    for i in range(n):
        if best_reach < 0:
            out[i] = 1
        else:
            lo, hi = max(i - best_reach, 0), min(i + best_reach + 1, n)
            out[i] = 1 + (sums[hi] - sums[lo]) / (hi - lo)
