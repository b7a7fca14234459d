# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of `percast.blocks.waveform.track.offsets`."""

import math

import numpy as np
from numba import types

from percast.blocks.waveform.kernels.jit import (
    C1,
    C2,
    D1,
    DOUBLE,
    F1,
    I1,
    I2,
    OUT_C1,
    OUT_C2,
    inner,
    kernel,
    ramp,
)
from percast.blocks.waveform.kernels.track import clock_drift, rotation_rate

f32 = np.float32
_FINE_ENOUGH = 1e-3  # as in `track`
_REACH = 4  # as in `track._smooth_phase`
_STEPS = 3  # as in `track`


@kernel(types.void, C1, F1, F1, OUT_C1)
def turn(row, cos, sin, out):
    """A symbol times exp(j phase) at all carriers from the lowest to the highest, DC too."""
    half = len(row) // 2
    for c in range(half):
        out[c] = complex(
            row[c].real * cos[c] - row[c].imag * sin[c],
            row[c].real * sin[c] + row[c].imag * cos[c],
        )
    for c in range(half, len(row)):
        out[c] = complex(
            row[c].real * cos[c + 1] - row[c].imag * sin[c + 1],
            row[c].real * sin[c + 1] + row[c].imag * cos[c + 1],
        )


@kernel(types.void, C2, D1, DOUBLE, F1, OUT_C2)
def _upright(pilots, carrier, drift, time, out):
    """The first pilots without a drift. Time goes on in steps of one symbol, and every pilot's
    phase in steps of its own."""
    for k in range(len(carrier)):
        angle = -drift * carrier[k]
        now = np.complex64(complex(math.cos(angle * time[0]), math.sin(angle * time[0])))
        step = np.complex64(complex(math.cos(angle), math.sin(angle)))
        for s in range(len(out)):
            out[s, k] = pilots[s, k] * now
            now *= step


@kernel(types.void, C2, C2, C1, I1, I1, DOUBLE, F1, OUT_C1)
def _common_gains(header, upright, channel, occupied, pilot_index, drift, time, out):
    """`track._common_gains`, the drift taken out of the header here."""
    n, n_pilots = len(channel), len(pilot_index)
    cos, sin = np.empty(n + 1, np.float32), np.empty(n + 1, np.float32)
    row = np.empty(n, np.complex64)
    for s in range(len(header)):
        ramp(cos, sin, -time[s] * drift * occupied[0], -time[s] * drift)
        turn(header[s], cos, sin, row)
        out[s] = inner(channel, row) / n
    for s in range(len(header), len(upright)):
        total = np.complex64(0)
        for k in range(n_pilots):
            total += upright[s, k] * np.conj(channel[pilot_index[k]])
        out[s] = total / f32(n_pilots)


@kernel(types.void, OUT_C2, OUT_C1, C1, I1, DOUBLE, F1)
def _align(upright, gains, channel, pilot_index, rate, time):
    """Takes the channel and each symbol's phase, among its neighbours', out of its pilots."""
    symbols = len(upright)
    for s in range(symbols):
        gains[s] *= np.complex64(complex(math.cos(rate * time[s]), -math.sin(rate * time[s])))
    for s in range(symbols):
        near = np.complex64(0)
        for i in range(max(s - _REACH, 0), min(s + _REACH + 1, symbols)):
            near += gains[i]
        size = max(math.sqrt(near.real * near.real + near.imag * near.imag), f32(1e-30))
        phase = np.conj(near) * f32(1 / size)
        phase *= np.complex64(complex(math.cos(rate * time[s]), -math.sin(rate * time[s])))
        for k in range(len(pilot_index)):
            upright[s, k] *= np.conj(channel[pilot_index[k]]) * phase


@kernel(types.UniTuple(DOUBLE, 2), C2, C2, C1, F1, I1, I1, I2, C1)
def offsets(header, pilots, channel, time, occupied, pilot_index, looks, grids):
    """`track.offsets`.

    Args:
        header, pilots, channel, time: as there.
        occupied, pilot_index: int64, the carriers' numbers, and the pilots' places among them.
        looks, grids: `track.look_grids`.
    """
    n_pilots = len(pilot_index)
    power, carrier = np.empty(n_pilots), np.empty(n_pilots)
    centre, total = 0.0, 0.0
    for k in range(n_pilots):
        h = channel[pilot_index[k]]
        carrier[k] = occupied[pilot_index[k]]
        power[k] = h.real * h.real + h.imag * h.imag
        total += power[k]
        centre += power[k] * carrier[k]
    centre /= total
    about = carrier - centre
    rate, drift, step = 0.0, 0.0, 0.0
    for look in range(len(looks)):
        count, first, last = looks[look]
        since = time[:count]
        upright = np.empty((count, n_pilots), np.complex64)
        gains = np.empty(count, np.complex64)
        _upright(pilots, carrier, drift, since, upright)
        _common_gains(header, upright, channel, occupied, pilot_index, drift, since, gains)
        rate = rotation_rate(gains, grids[first:last])
        _align(upright, gains, channel, pilot_index, rate, since)
        steps = _STEPS if count == len(time) else 1
        step = clock_drift(upright, power, about, since, steps, _FINE_ENOUGH)
        drift += step
    return rate - step * centre, drift
