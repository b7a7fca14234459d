# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of `percast.blocks.waveform.bursts`."""

import numpy as np
from numba import types

from percast.blocks.waveform.kernels.jit import (
    C2,
    D1,
    DOUBLE,
    INT,
    OUT_D1,
    OUT_F1,
    kernel,
    middle,
    power_of,
)

f32 = np.float32
_BURST, _BURST_WINDOW = 3.0, 15  # as there
_NOISIER, _ENOUGH, _MOST_LESS = 1.4, 100, 0.01


@kernel(OUT_F1, C2, brief=True)
def row_power(rows):
    """`bursts.row_power`."""
    out = np.empty(len(rows), np.float32)
    for s in range(len(rows)):
        out[s] = power_of(rows[s]) / rows.shape[1]
    return out


@kernel(types.void, D1, INT, OUT_D1)
def median_filter(values, width, out):
    """scipy.ndimage.median_filter of float64 [n], mode="mirror"; width odd."""
    n, near = len(values), np.empty(width)
    for i in range(n):
        for j in range(width):
            place = i + j - width // 2
            if n > 1:
                place = abs(place) % (2 * n - 2)
                place = min(place, 2 * n - 2 - place)
            else:
                place = 0
            near[j] = values[place]
        out[i] = middle(near)


@kernel(types.boolean[::1], OUT_D1, DOUBLE)
def burst_hit(power, noise):
    """`bursts.hit`."""
    over, any_over = np.zeros(len(power), np.bool_), False
    for s in range(len(power)):
        over[s] = power[s] > _BURST * noise
        any_over = any_over or over[s]
    if any_over:
        usual = np.empty(len(power))
        median_filter(power, _BURST_WINDOW, usual)
        for s in range(len(power)):
            over[s] = over[s] and power[s] > _BURST * usual[s]
    return over


@kernel(types.Tuple((OUT_D1, DOUBLE)), C2, DOUBLE, INT)
def payload_noise(error, noise, window):
    """`bursts.payload_noise`, float64 [symbols] and float64."""
    n = len(error)
    power, out = np.empty(n), np.empty(n)
    for s in range(n):
        power[s] = power_of(error[s]) / error.shape[1]
    burst = burst_hit(power, noise)
    seen, calm = 0.0, 0
    for s in range(n):
        if not burst[s]:
            seen += power[s]
            calm += 1
    if calm * error.shape[1] >= _ENOUGH and seen / calm * _NOISIER < noise:
        noise = max(seen / calm, _MOST_LESS * noise)
    window = min(window, n)
    for s in range(n):
        total, count = 0.0, 0
        for i in range(max(s - window // 2, 0), min(s + (window + 1) // 2, n)):
            if not burst[i]:
                total += power[i]
                count += 1
        local = total / max(count, 1)
        out[s] = power[s] if burst[s] else (local if local > _NOISIER * noise else noise)
    return out, noise
