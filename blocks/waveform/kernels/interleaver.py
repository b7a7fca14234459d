# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of `percast.blocks.waveform.coding.interleaver`."""

import numpy as np
from numba import types

from percast.blocks.waveform.kernels.jit import C1, F1, I1, OUT_C1, OUT_F1, kernel


@kernel(OUT_C1, C1, I1, F1)
def interleaved(symbols, order, signs):
    """`interleave`, complex64 [n]."""
    out = np.empty(len(symbols), np.complex64)
    for i in range(len(symbols)):
        out[i] = symbols[order[i]] * signs[i]
    return out


@kernel(types.Tuple((OUT_C1, OUT_F1)), C1, F1, I1, F1)
def deinterleaved(symbols, noise_var, order, signs):
    """`deinterleave`, complex64 [n] and float32 [n]."""
    latent = np.empty(len(symbols), np.complex64)
    variance = np.empty(len(symbols), np.float32)
    for i in range(len(symbols)):
        latent[order[i]] = symbols[i] * signs[i]
        variance[order[i]] = noise_var[i]
    return latent, variance
