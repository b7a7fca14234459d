# SPDX-License-Identifier: GPL-3.0-or-later
"""How the kernels are compiled: to given types at once, kept on disk, without the
interpreter's lock.

Only `percast.blocks.waveform.kernels.warm_up` imports this and the kernels: numba is loaded there
and nowhere else.
"""

import math

import numba
import numpy as np
from numba import types

from percast.blocks.waveform.kernels import cache

# Sums may be reordered, so that they run in vector registers. NaN and infinity keep their meaning
# (no "nnan", no "ninf"): the receiver's guards compare with them.
_FAST = {"reassoc", "contract", "nsz", "arcp"}


def _input(scalar: types.Type, dimensions: int) -> types.Array:
    """A contiguous array that is only read, which read-only ones are taken for as well."""
    return types.Array(scalar, dimensions, "C", readonly=True)


C1, C2 = _input(types.complex64, 1), _input(types.complex64, 2)
F1, F2 = _input(types.float32, 1), _input(types.float32, 2)
D1, I1, U1 = _input(types.float64, 1), _input(types.int64, 1), _input(types.uint8, 1)
I2, F3 = _input(types.int64, 2), _input(types.float32, 3)
OUT_C1, OUT_C2 = types.complex64[::1], types.complex64[:, ::1]
OUT_F1 = types.float32[::1]
OUT_D1, OUT_D2 = types.float64[::1], types.float64[:, ::1]
INT, FLOAT, DOUBLE, BOOL = types.int64, types.float32, types.float64, types.boolean


compiled = 0  # kernels that were not found on disk


def kernel(returns: types.Type, *arguments: types.Type, brief: bool = False):
    """Decorator: compile for these types now, or load what was compiled before.

    Args:
        brief: keeps the interpreter's lock, which takes longer to get back than it runs.
    """

    def compile_now(function):
        global compiled
        done = numba.njit(
            returns(*arguments),
            cache=cache.in_use(),
            nogil=not brief,
            fastmath=_FAST,
            error_model="numpy",
        )(function)
        compiled += not done.stats.cache_hits
        return done

    return compile_now


@kernel(types.void, OUT_F1, OUT_F1, DOUBLE, DOUBLE)
def ramp(cos, sin, start, step):
    """cos and sin of start + k step for k = 0, 1, ..., by doubling: the first half turned makes
    the second. float32 [n] each."""
    cos[0], sin[0] = math.cos(start), math.sin(start)
    c, s, done = math.cos(step), math.sin(step), 1
    while done < len(cos):
        cf, sf = types.float32(c), types.float32(s)
        for k in range(min(done, len(cos) - done)):
            cos[done + k] = cos[k] * cf - sin[k] * sf
            sin[done + k] = cos[k] * sf + sin[k] * cf
        c, s, done = c * c - s * s, 2 * c * s, 2 * done


@kernel(types.float64, C1)
def power_of(values):
    """Sum of squared magnitudes of complex64 [n]."""
    total = types.float32(0)
    for i in range(len(values)):
        v = values[i]
        total += v.real * v.real + v.imag * v.imag
    return total


@kernel(types.complex128, C1, C1)
def inner(a, b):
    """sum conj(a) b of complex64 [n]."""
    re, im = types.float32(0), types.float32(0)
    for i in range(len(a)):
        re += a[i].real * b[i].real + a[i].imag * b[i].imag
        im += a[i].real * b[i].imag - a[i].imag * b[i].real
    return complex(re, im)


@kernel(types.float64, OUT_D1)
def middle(values):
    """sorted(values)[len(values) // 2], by insertion into a sorted copy; for few values."""
    n = len(values)
    ordered = np.empty(n)
    for i in range(n):
        v, j = values[i], i
        while j > 0 and ordered[j - 1] > v:
            ordered[j] = ordered[j - 1]
            j -= 1
        ordered[j] = v
    return ordered[n // 2]
