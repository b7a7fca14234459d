# SPDX-License-Identifier: GPL-3.0-or-later
"""Spreads the latent symbols of one image over its packets, carriers and time.

A fade or a lost packet then becomes mild noise everywhere in the picture. The signs are
scrambled as well, because latents have a mean, and a mean would put a peak at the start of
every OFDM symbol.
"""

import numpy as np

from percast.blocks.waveform import kernels
from percast.blocks.waveform.coding.hashing import permutation, signs


def interleave(symbols: np.ndarray, seed: int) -> np.ndarray:
    """complex64 [n] in latent order -> complex64 [n] in the order on the air."""
    n = len(symbols)
    if (fast := kernels.ready()) is not None:
        symbols = np.ascontiguousarray(symbols, np.complex64)
        return fast.interleaver.interleaved(symbols, permutation(seed, n), signs(seed, n))
    out = symbols.take(permutation(seed, n))
    out *= signs(seed, n)
    return out


def deinterleave(
    symbols: np.ndarray, noise_var: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of `interleave`, for symbols (complex64 [n]) and their variances (float32 [n])."""
    n = len(symbols)
    order = permutation(seed, n)
    if (fast := kernels.ready()) is not None:
        symbols = np.ascontiguousarray(symbols, np.complex64)
        noise_var = np.ascontiguousarray(noise_var, np.float32)
        return fast.interleaver.deinterleaved(symbols, noise_var, order, signs(seed, n))
    latent, variance = np.empty_like(symbols), np.empty_like(noise_var)
    latent[order] = symbols * signs(seed, n)
    variance[order] = noise_var
    return latent, variance
