# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of the transmitter: peaks, carriers to bins, prefixes."""

import math

import numpy as np
from numba import types

from percast.blocks.waveform.kernels.jit import (
    C2,
    FLOAT,
    I1,
    INT,
    OUT_C2,
    kernel,
)

f32 = np.float32


@kernel(types.int64[::1], OUT_C2, FLOAT)
def clip(time, limit):
    """`papr._clip`."""
    hit, count = np.empty(len(time), np.int64), 0
    for s in range(len(time)):
        most = f32(0)
        for i in range(time.shape[1]):
            v = time[s, i]
            most = max(most, v.real * v.real + v.imag * v.imag)
        if most > limit * limit:
            hit[count] = s
            count += 1
            for i in range(time.shape[1]):
                v = time[s, i]
                power = v.real * v.real + v.imag * v.imag
                if power > limit * limit:
                    time[s, i] = v * f32(limit / math.sqrt(power))
    return hit[:count].copy()


@kernel(types.void, C2, OUT_C2)
def spread(carriers, grid):
    """`ofdm.spread`, complex64 [symbols, n_occupied] into [symbols, bins]."""
    half, bins = carriers.shape[1] // 2, grid.shape[1]
    for s in range(len(carriers)):
        grid[s, 0] = 0
        for c in range(half):
            grid[s, 1 + c] = carriers[s, half + c]
        for b in range(1 + half, bins - half):
            grid[s, b] = 0
        for c in range(half):
            grid[s, bins - half + c] = carriers[s, c]


@kernel(types.void, C2, I1, OUT_C2)
def put(grid, rows, carriers):
    """`papr._put_back`."""
    half, bins = carriers.shape[1] // 2, grid.shape[1]
    for r in range(len(rows)):
        for c in range(half):
            carriers[rows[r], c] = grid[r, bins - half + c]
            carriers[rows[r], half + c] = grid[r, 1 + c]


@kernel(types.void, C2, INT, FLOAT, OUT_C2)
def prefixed(time, cp_len, scale, out):
    """Symbols times `scale` behind their prefixes, complex64 [symbols, cp_len + n]."""
    n = time.shape[1]
    for s in range(len(time)):
        for i in range(n):
            out[s, cp_len + i] = time[s, i] * scale
        for i in range(cp_len):
            out[s, i] = out[s, n + i]
