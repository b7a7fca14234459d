# SPDX-License-Identifier: GPL-3.0-or-later
"""Gray-mapped QAM of unit mean power (3GPP TS 38.211, section 5.1), and what receivers read off it.

The bits of a symbol take turns between its real and its imaginary part; both carry the same code.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from percast.engines.codecs.contract import NoiseVariance, Symbols
from percast.engines.codecs.digital.ldpc import Bits, Llrs

_LOUDEST = 1e4  # magnitude of a symbol; unit mean power allows no such thing
_LEAST_NOISE = np.float32(1e-6)  # 60 dB, beyond which no scheme has anything to gain
_UNLIKELIEST = np.float32(-60.0)  # logarithm of a probability; exp of it is still a float32


def modulate(bits: Bits, bits_per_symbol: int) -> Symbols:
    """QAM symbols.

    Args:
        bits: uint8 [n * bits_per_symbol] of 0 and 1, symbol by symbol.
        bits_per_symbol: 2 (QPSK), 4, 6 or 8 (256-QAM).

    Returns:
        complex64 [n]; the mean power over all possible symbols is 1.
    """
    levels = _levels(bits_per_symbol // 2)
    axes = bits.reshape(-1, bits_per_symbol // 2, 2)
    weights = 1 << np.arange(bits_per_symbol // 2)[::-1]
    parts = levels[np.tensordot(axes, weights, (1, 0))]
    return np.ascontiguousarray(parts).view(np.complex64)[:, 0]


def demodulate(symbols: Symbols, noise_var: NoiseVariance, bits_per_symbol: int) -> Llrs:
    """Log-likelihood ratios of every bit from equalised symbols.

    Args:
        symbols: complex64 [n].
        noise_var: of each, over both dimensions, float32 [n]. What is infinite, negative or not a
            number says that the symbol never arrived.
        bits_per_symbol: as in `modulate`.

    Returns:
        ln P(0) / P(1), float32 [n * bits_per_symbol], 0 where nothing arrived.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number fails the comparison
        plausible = np.abs(symbols) <= _LOUDEST
    arrived = plausible & np.isfinite(noise_var) & (noise_var >= 0)
    received = np.where(arrived, symbols, np.complex64(0)).astype(np.complex64, copy=False)
    noise = np.maximum(np.where(arrived, noise_var, np.float32(1)), _LEAST_NOISE)
    parts = received.view(np.float32).reshape(-1, 2)
    levels = _levels(bits_per_symbol // 2)
    # ln p(y | level) = -(y - level)^2 / noise_var on one axis, and a constant
    likelihood = -np.square(parts - levels[:, None, None]) / noise[:, None].astype(np.float32)
    likelihood -= likelihood.max(0)
    np.exp(np.maximum(likelihood, _UNLIKELIEST, out=likelihood), out=likelihood)
    zero = _zeros(bits_per_symbol // 2)
    p0, p1 = (np.tensordot(mask, likelihood, (1, 0)) for mask in (zero, 1 - zero))
    llr = np.log(p0) - np.log(p1)  # [bits of an axis, n, 2]
    return np.where(arrived[:, None], llr.transpose(1, 0, 2).reshape(len(symbols), -1), 0).ravel()


@lru_cache(maxsize=4)
def _levels(bits: int) -> npt.NDArray[np.float32]:
    """Of one axis, for the number that its bits make, most significant first; [2^bits]."""
    number = np.arange(1 << bits)
    signs = [1 - 2 * (number >> bits - 1 - i & 1) for i in range(bits)]
    level = signs[-1]
    for i in range(bits - 2, -1, -1):
        level = signs[i] * ((1 << bits - 1 - i) - level)
    return (level / np.sqrt(2 * (4**bits - 1) / 3)).astype(np.float32)


@lru_cache(maxsize=4)
def _zeros(bits: int) -> npt.NDArray[np.float32]:
    """1 where a bit of a level's number is 0, float32 [bits, 2^bits]."""
    number = np.arange(1 << bits)
    return np.array([1 - (number >> bits - 1 - i & 1) for i in range(bits)], np.float32)
