# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of `percast.blocks.waveform.demodulate.demodulate`, in its order and with its names."""

import math

import numpy as np
from numba import types

from percast.blocks.waveform.kernels.bursts import payload_noise
from percast.blocks.waveform.kernels.jit import (
    C1,
    C2,
    DOUBLE,
    F1,
    F2,
    F3,
    I1,
    INT,
    OUT_C1,
    OUT_C2,
    OUT_D1,
    inner,
    kernel,
    middle,
    power_of,
    ramp,
)
from percast.blocks.waveform.kernels.track import (
    clock_drift,
    project,
    rotation_rate,
    smooth_gains,
    trained_channel,
)

f32 = np.float32
_FINE_ENOUGH = 1e-3  # as in `track`
_REACH = 4  # symbols on either side over which the phase is averaged, as in `demodulate._drift`
_HEAD_BURST = 10.0  # as in `bursts`


@kernel(types.Tuple((OUT_C1, OUT_C2)), C2, C2, C2, F2, I1, C1, INT)
def _common_gains(rows, response, known, pilot_signs, pilot_index, channel, trained):
    """`demodulate._common_gains`; and Y X* at the pilots, complex64 [symbols, n_pilots]."""
    symbols, n_pilots = pilot_signs.shape
    gains = np.empty(symbols, np.complex64)
    pilots = np.empty((symbols, n_pilots), np.complex64)
    for s in range(symbols):
        total = np.complex64(0)
        for k in range(n_pilots):
            pilots[s, k] = rows[trained + s, pilot_index[k]] * pilot_signs[s, k]
            total += pilots[s, k] * np.conj(channel[pilot_index[k]])
        gains[s] = total / f32(n_pilots)
        if trained + s < len(known):
            gains[s] = inner(channel, response[trained + s]) / len(channel)
    return gains, pilots


@kernel(types.Tuple((DOUBLE, DOUBLE)), OUT_C2, OUT_C1, C1, F1, I1, I1, DOUBLE, DOUBLE)
def _drift(pilots, gains, channel, time, occupied, pilot_index, rate, anchor):
    """`demodulate._drift`, the rotation taken out of `pilots` and `gains` here: rad per carrier
    and symbol, and the carrier about which the common phase turns."""
    symbols, n_pilots = pilots.shape
    since = np.empty(symbols, np.float32)
    for s in range(symbols):
        since[s] = time[s] - anchor
        turn = np.complex64(complex(math.cos(rate * time[s]), -math.sin(rate * time[s])))
        gains[s] *= turn
        for k in range(n_pilots):
            pilots[s, k] *= turn
    power, carrier = np.empty(n_pilots), np.empty(n_pilots)
    centre, total = 0.0, 0.0
    for k in range(n_pilots):
        h = channel[pilot_index[k]]
        power[k] = h.real * h.real + h.imag * h.imag
        total += power[k]
        centre += power[k] * occupied[pilot_index[k]]
    centre /= total
    for k in range(n_pilots):
        carrier[k] = occupied[pilot_index[k]] - centre
    for s in range(symbols):
        near = np.complex64(0)
        for i in range(max(s - _REACH, 0), min(s + _REACH + 1, symbols)):
            near += gains[i]
        size = max(math.sqrt(near.real * near.real + near.imag * near.imag), f32(1e-30))
        phase = np.conj(near) * f32(1 / size)
        for k in range(n_pilots):
            pilots[s, k] *= np.conj(channel[pilot_index[k]]) * phase
    return clock_drift(pilots, power, carrier, since, _FINE_ENOUGH), centre


@kernel(types.void, C1, F1, F1, OUT_C1)
def _turn(row, cos, sin, out):
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


@kernel(types.Tuple((OUT_C1, OUT_D1, DOUBLE)), C2, types.boolean[::1], F3)
def _averaged(response, used, projection):
    """`estimate.estimate_channel` of the rows in use; each row's error energy, float64 [heads],
    and their sum over those in use."""
    heads, n = response.shape
    raw, channel, errors = np.zeros(n, np.complex64), np.empty(n, np.complex64), np.empty(heads)
    count = 0
    for s in range(heads):
        if used[s]:
            count += 1
            for c in range(n):
                raw[c] += response[s, c]
    scale = f32(1 / count)
    for c in range(n):
        raw[c] *= scale
    project(projection, raw, channel)
    total = 0.0
    for s in range(heads):
        energy = f32(0)
        for c in range(n):
            e = response[s, c] - channel[c]
            energy += e.real * e.real + e.imag * e.imag
        errors[s] = energy
        if used[s]:
            total += energy
    return channel, errors, total


@kernel(types.Tuple((OUT_C1, DOUBLE, DOUBLE, INT)), OUT_C2, C1, F3, INT)
def _head_estimate(response, rough, projection, taps):
    """`demodulate._head_estimate`: channel, noise, error energy and over how many symbols."""
    heads, n = response.shape
    for s in range(heads):
        gain = inner(rough, response[s])
        size = max(math.sqrt(gain.real * gain.real + gain.imag * gain.imag), 1e-36)
        phase = np.complex64(np.conj(gain) * (1 / size))
        for c in range(n):
            response[s, c] *= phase
    used = np.ones(heads, np.bool_)
    channel, errors, error = _averaged(response, used, projection)
    usual = middle(errors)
    count = 0
    for s in range(heads):
        used[s] = errors[s] <= _HEAD_BURST * usual
        count += used[s]
    if count < heads:
        channel, errors, error = _averaged(response, used, projection)
    noise = error / max(count * n - (taps + count), 1)
    return channel, max(noise, 1e-9 * power_of(channel) / n, 1e-35), error, count


@kernel(types.Tuple((OUT_C1, OUT_C2)), C2, C1, F2, I1, DOUBLE)
def _payload_gains(payload, channel, pilot_signs, pilot_index, noise):
    """The common gain over the payload, complex64 [symbols], and what it leaves of the pilots
    unexplained, complex64 [symbols, n_pilots]: `demodulate._payload_response`."""
    symbols, n_pilots = pilot_signs.shape
    at_pilots = np.empty(n_pilots, np.complex64)
    for k in range(n_pilots):
        at_pilots[k] = channel[pilot_index[k]]
    power = power_of(at_pilots)
    error = np.empty((symbols, n_pilots), np.complex64)
    gain, smooth = np.empty(symbols, np.complex64), np.empty(symbols, np.complex64)
    for s in range(symbols):
        blank = True
        for k in range(n_pilots):
            error[s, k] = payload[s, pilot_index[k]] * pilot_signs[s, k]
            blank = blank and error[s, k] == 0
        gain[s] = 1 if blank else inner(at_pilots, error[s]) / power
    smooth_gains(gain, noise / power, smooth)
    for s in range(symbols):
        for k in range(n_pilots):
            error[s, k] -= smooth[s] * at_pilots[k]
    return smooth, error


@kernel(
    types.Tuple((DOUBLE, DOUBLE, OUT_C1, DOUBLE, DOUBLE, INT, OUT_C2, OUT_C1, OUT_C2)),
    C2, C2, F2, F1, I1, I1, C1, F3, INT, INT,
)  # fmt: skip
def follow(rows, known, pilot_signs, time, occupied, pilot_index, grid, projection, trained, taps):
    """All that is estimated of a packet, but how its channel's shape changes.

    Args:
        rows: complex64 [symbols, n_occupied]: training, header, payload.
        known: complex64 [heads, n_occupied], training and header, conjugated.
        pilot_signs: float32 [symbols - trained, n_pilots].
        time: float32 [symbols], in symbols since the first of the header.
        occupied: int64 [n_occupied], the carriers' numbers.
        pilot_index: int64 [n_pilots], places of the pilots among them.
        grid: of `rotation_rate`.
        projection: `estimate.short_channel_projection`.
        trained: training symbols.
        taps: parameters of the head's fit, less its symbols.

    Returns:
        rotation, drift (rad per symbol, and carrier); channel, noise and error energy of the head,
        and over how many symbols; the payload without rotation and drift, complex64 [payload,
        n_occupied]; its common gain; what these leave of its pilots unexplained.
    """
    heads, n = known.shape
    rough, _ = trained_channel(rows, known, projection, trained)
    response = np.empty((heads, n), np.complex64)
    for s in range(heads):
        for c in range(n):
            response[s, c] = rows[s, c] * known[s, c]
    gains, pilots = _common_gains(rows, response, known, pilot_signs, pilot_index, rough, trained)
    rate = rotation_rate(gains, grid)
    anchor = 0.0
    for t in range(trained):
        anchor += time[t] / trained
    drift, centre = _drift(
        pilots, gains, rough, time[trained:], occupied, pilot_index, rate, anchor
    )

    payload = np.empty((len(rows) - heads, n), np.complex64)
    cos, sin = np.empty(n + 1, np.float32), np.empty(n + 1, np.float32)
    for s in range(len(rows)):
        ramp(cos, sin, -time[s] * (rate + drift * (occupied[0] - centre)), -time[s] * drift)
        if s < heads:
            _turn(response[s], cos, sin, response[s])
        else:
            _turn(rows[s], cos, sin, payload[s - heads])

    channel, noise, error, count = _head_estimate(response, rough, projection, taps)
    gain, left = _payload_gains(
        payload, channel, pilot_signs[heads - trained :], pilot_index, noise
    )
    return rate, drift, channel, noise, error, count, payload, gain, left


@kernel(
    types.Tuple((OUT_C1, types.float32[::1], DOUBLE)),
    C2, C1, C1, C2, C2, F2, DOUBLE, I1, I1, INT,
)  # fmt: skip
def equalise(payload, channel, gain, shapes, error, basis, noise, pilot_index, data_index, count):
    """Y/H and sigma^2/|H|^2 of the first `count` symbols.

    Args:
        payload: complex64 [symbols, n_occupied].
        channel: complex64 [n_occupied], at the head.
        gain: complex64 [symbols], of all carriers.
        shapes: complex64 [degrees, n_occupied], how the channel's shape changes with each
            polynomial; no degrees for a channel that keeps it.
        error: complex64 [symbols, n_pilots], what channel and gain leave unexplained.
        basis: float32 [symbols, at least degrees], the polynomials.
        noise: variance in the head.
        pilot_index, data_index: int64, places among the carriers.
        count: data symbols that are used.

    Returns:
        complex64 and float32 [count]; energy of what is left of the pilots.
    """
    symbols, degrees = len(payload), len(shapes)
    left = error.copy()
    if degrees:
        for s in range(symbols):
            for k in range(len(pilot_index)):
                for d in range(degrees):
                    left[s, k] -= basis[s, d] * shapes[d, pilot_index[k]]
    variance = payload_noise(left, noise, 16)
    out, noise_var = np.empty(count, np.complex64), np.empty(count, np.float32)
    response = np.empty(len(channel), np.complex64)
    for s in range(symbols):
        for c in range(len(channel)):
            response[c] = gain[s] * channel[c]
        for d in range(degrees):
            for c in range(len(channel)):
                response[c] += basis[s, d] * shapes[d, c]
        row = payload[s]
        here = f32(variance[s])
        first = s * len(data_index)
        for k in range(min(len(data_index), count - first)):
            h, y = response[data_index[k]], row[data_index[k]]
            weight = f32(1) / max(h.real * h.real + h.imag * h.imag, f32(1e-36))
            out[first + k] = complex(
                (y.real * h.real + y.imag * h.imag) * weight,
                (y.imag * h.real - y.real * h.imag) * weight,
            )
            noise_var[first + k] = here * weight
    energy = 0.0
    for s in range(symbols):
        energy += power_of(left[s])
    return out, noise_var, energy
