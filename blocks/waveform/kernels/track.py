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
    I1,
    INT,
    OUT_C1,
    OUT_C2,
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


@kernel(DOUBLE, C1, F3, F1, INT, INT, OUT_C1)
def _projected(raw, vectors, weights, first, last, out):
    """`raw` onto eigenvectors `first` up to `last`, into `out`; energy of what that leaves over."""
    n = len(raw)
    x_re, x_im = np.empty(n, np.float32), np.empty(n, np.float32)
    y_re, y_im = np.zeros(n, np.float32), np.zeros(n, np.float32)
    for i in range(n):
        x_re[i], x_im[i] = raw[i].real, raw[i].imag
    for v in range(first, last):
        a, b = vectors[0, v], vectors[1, v]
        re, im = f32(0), f32(0)
        for i in range(n):
            re += a[i] * x_re[i] - b[i] * x_im[i]
            im += a[i] * x_im[i] + b[i] * x_re[i]
        re *= weights[v]
        im *= weights[v]
        for i in range(n):
            y_re[i] += a[i] * re + b[i] * im
            y_im[i] += a[i] * im - b[i] * re
    left = f32(0)
    for i in range(n):
        out[i] = complex(y_re[i], y_im[i])
        left += (x_re[i] - y_re[i]) ** 2 + (x_im[i] - y_im[i]) ** 2
    return left


@kernel(types.Tuple((OUT_C1, DOUBLE)), C2, types.boolean[::1], F3, F1, I1, D1)
def estimate(response, used, vectors, weights, ends, kept):
    """`estimate.estimate_channel` of the rows in use; the rest is `estimate.projection_factors`."""
    n, symbols = response.shape[1], 0
    raw = np.zeros(n, np.complex64)
    energy = 0.0
    for s in range(len(response)):
        if used[s]:
            symbols += 1
            energy += power_of(response[s])
            for i in range(n):
                raw[i] += response[s, i]
    scale = f32(1 / max(symbols, 1))
    for i in range(n):
        raw[i] *= scale
    channel, other = np.empty(n, np.complex64), np.empty(n, np.complex64)
    left = _projected(raw, vectors, weights, ends[0], ends[1], channel)
    fitted = kept[0]
    spread = energy - symbols * power_of(raw) + symbols * left
    noise = spread / (symbols * n - fitted) / symbols
    least = left + 2 * noise * fitted
    for j in range(1, len(kept)):
        left = _projected(raw, vectors, weights, ends[j], ends[j + 1], other)
        if left + 2 * noise * kept[j] < least:
            channel, other = other, channel
            fitted, least = kept[j], left + 2 * noise * kept[j]
    return channel, fitted


@kernel(types.Tuple((OUT_C2, types.boolean[::1])), C2, C2, INT)
def trained(rows, known, count):
    """Y X* of the `count` first rows, and which of them are not blanked."""
    n = rows.shape[1]
    response, used = np.empty((count, n), np.complex64), np.ones(count, np.bool_)
    for t in range(count):
        used[t] = power_of(rows[t]) > 0
        for i in range(n):
            response[t, i] = rows[t, i] * known[t, i]
    return response, used


@kernel(DOUBLE, C2, D1, D1, F1, INT, DOUBLE)
def clock_drift(products, power, carrier, time, steps, fine_enough):
    """`track.clock_drift`. Time goes on in steps of one symbol, and every pilot's phase in steps
    of its own: so each symbol turns by a product, and not by a cosine and a sine."""
    rows, pilots = products.shape
    furthest, sum_carrier, sum_time = 0.0, 0.0, 0.0
    for k in range(pilots):
        furthest = max(furthest, abs(carrier[k]))
        sum_carrier += power[k] * carrier[k] * carrier[k]
    for r in range(rows):
        sum_time += time[r] * time[r]
    reach = furthest * time[rows - 1]
    drift = 0.0
    c, s = np.empty(pilots, np.float32), np.empty(pilots, np.float32)
    c_step, s_step = np.empty(pilots, np.float32), np.empty(pilots, np.float32)
    lever = carrier.astype(np.float32)
    for _ in range(steps):
        for k in range(pilots):
            step = drift * carrier[k]
            c[k], s[k] = math.cos(step * time[0]), math.sin(step * time[0])
            c_step[k], s_step[k] = math.cos(step), math.sin(step)
        total = 0.0
        for r in range(rows):
            part = f32(0)
            for k in range(pilots):
                part += (products[r, k].imag * c[k] - products[r, k].real * s[k]) * lever[k]
                turned = c[k] * c_step[k] - s[k] * s_step[k]
                s[k] = c[k] * s_step[k] + s[k] * c_step[k]
                c[k] = turned
            total += part * time[r]
        step = total / (sum_time * sum_carrier)
        drift += step
        if abs(step) * reach < fine_enough:
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
