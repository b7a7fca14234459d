# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of `percast.blocks.waveform.second_pass.second_pass`, in its order and with its names."""

import math

import numpy as np
from numba import types

from percast.blocks.waveform.kernels.bursts import payload_noise
from percast.blocks.waveform.kernels.jit import (
    C1,
    C2,
    D1,
    DOUBLE,
    F1,
    F2,
    F3,
    I1,
    I2,
    INT,
    OUT_C1,
    OUT_C2,
    OUT_D1,
    OUT_F1,
    inner,
    kernel,
    middle,
    power_of,
    ramp,
)
from percast.blocks.waveform.kernels.offsets import offsets, turn
from percast.blocks.waveform.kernels.track import (
    estimate,
    smooth_gains,
    trained,
)

f32 = np.float32
_HEAD_BURST = 10.0  # as in `bursts`


@kernel(OUT_D1, C2, C1)
def _errors(response, channel):
    """Energy of what a channel leaves unexplained of each row, float64 [symbols]."""
    out = np.empty(len(response))
    for s in range(len(response)):
        energy = f32(0)
        for c in range(len(channel)):
            e = response[s, c] - channel[c]
            energy += e.real * e.real + e.imag * e.imag
        out[s] = energy
    return out


@kernel(types.void, C1, OUT_C1)
def _align(reference, row):
    """Turns a row so that its sum with conj(reference) has phase 0."""
    gain = inner(reference, row)
    size = max(math.sqrt(gain.real * gain.real + gain.imag * gain.imag), 1e-36)
    phase = np.complex64(np.conj(gain) * (1 / size))
    for c in range(len(row)):
        row[c] *= phase


@kernel(types.Tuple((OUT_C1, DOUBLE, DOUBLE, INT, DOUBLE)), OUT_C2, C1, F3, F1, I1, D1, DOUBLE)
def _head_estimate(response, rough, vectors, weights, ends, kept, boost):
    """`second_pass._head_estimate`: channel, noise, error energy and of how many symbols, doubt."""
    heads, n = response.shape
    for s in range(heads):
        _align(rough, response[s])
    used = np.ones(heads, np.bool_)
    channel, fitted = estimate(response, used, vectors, weights, ends, kept)
    errors = _errors(response, channel)
    usual = middle(errors)
    count = 0
    for s in range(heads):
        used[s] = errors[s] <= _HEAD_BURST * usual
        count += used[s]
    if count < heads:
        channel, fitted = estimate(response, used, vectors, weights, ends, kept)
        errors = _errors(response, channel)
    error = 0.0
    for s in range(heads):
        if used[s]:
            error += errors[s]
    noise = error / max(count * n - (fitted + count - 1), 1)
    noise = max(noise, 1e-9 * power_of(channel) / n, 1e-35)
    return channel, boost * noise, boost * error, count, noise * fitted / (count * n)


@kernel(
    types.Tuple((OUT_C1, DOUBLE)),
    C1, C1, C1, C1, I1, DOUBLE, DOUBLE, F3, F1, I1, D1,
)  # fmt: skip
def _moved(
    received, training, at_pilots, channel, pilot_index, noise, doubt, vectors, weights, ends, kept
):
    """The change of the channel up to the reference symbol, as `second_pass._moving_channel` has
    it, complex64 [n_occupied]; and how much of it is kept."""
    n = len(channel)
    response = np.empty((1, n), np.complex64)
    for c in range(n):
        response[0, c] = received[c] * training[c]
    for k in range(len(pilot_index)):
        response[0, pilot_index[k]] = at_pilots[k]
    then, fitted = estimate(response, np.ones(1, np.bool_), vectors, weights, ends, kept)
    _align(channel, then)
    for c in range(n):
        then[c] -= channel[c]
    noise = noise * fitted + doubt * n
    return then, max(0.0, 1 - noise / max(power_of(then), 1e-36))


@kernel(types.Tuple((OUT_C1, OUT_C2)), C2, C1, C1, F1, I1, DOUBLE)
def _payload_gains(pilots, channel, change, share, pilot_index, noise):
    """The common gain over the payload, complex64 [symbols], and what it leaves of the pilots
    unexplained, complex64 [symbols, n_pilots]: `second_pass._payload_response`."""
    symbols, n_pilots = pilots.shape
    base = np.empty((symbols, n_pilots), np.complex64)
    gain, smooth = np.empty(symbols, np.complex64), np.empty(symbols, np.complex64)
    mean_power = 0.0
    for s in range(symbols):
        blank = True
        for k in range(n_pilots):
            base[s, k] = channel[pilot_index[k]] + share[s] * change[pilot_index[k]]
            blank = blank and pilots[s, k] == 0
        power = max(power_of(base[s]), 1e-36)
        mean_power += power / symbols
        gain[s] = 1 if blank else inner(base[s], pilots[s]) / power
    smooth_gains(gain, noise / mean_power, smooth)
    for s in range(symbols):
        for k in range(n_pilots):
            base[s, k] = pilots[s, k] - smooth[s] * base[s, k]
    return smooth, base


@kernel(
    types.Tuple(
        (DOUBLE, DOUBLE, OUT_C1, DOUBLE, DOUBLE, INT, DOUBLE,
         OUT_C2, OUT_C1, OUT_F1, OUT_C1, OUT_C2)
    ),
    C2, C2, F2, F1, I1, I1, I2, C1, F3, F1, I1, D1, INT, INT, DOUBLE,
)  # fmt: skip
def follow(
    rows, known, pilot_signs, time, occupied, pilot_index, looks, grids,
    vectors, weights, ends, kept, training, reference, boost,
):  # fmt: skip
    """All that is estimated of a packet, but how its channel's shape changes at the pilots.

    Args:
        rows: complex64 [symbols, n_occupied]: training, header, body.
        known: complex64 [heads, n_occupied], 1/X of training and header.
        pilot_signs: float32 [symbols - training, n_pilots].
        time: float32 [symbols], in symbols since the first of the header.
        occupied: int64 [n_occupied], the carriers' numbers.
        pilot_index: int64 [n_pilots], places of the pilots among them.
        looks, grids: `track.look_grids`.
        vectors, weights, ends, kept: `estimate.projection_factors`.
        training: training symbols.
        reference: which symbol of the body is the reference symbol; -1 for none.
        boost: power of training and header over the payload's, as sent; in `rows` they are alike.

    Returns:
        rotation, drift (rad per symbol, and carrier); channel, noise and error energy of the head,
        over how many symbols, and its doubt; the payload without rotation, drift and reference,
        complex64 [payload, n_occupied]; the channel's change up to the reference symbol, and how
        much of it each symbol has, float32 [payload]; the common gain, complex64 [payload]; what
        these leave of the pilots unexplained, complex64 [payload, n_pilots].
    """
    heads, n = known.shape
    n_pilots = len(pilot_index)
    trained_response, in_use = trained(rows, known, training)
    rough, _ = estimate(trained_response, in_use, vectors, weights, ends, kept)
    response = np.empty((heads, n), np.complex64)
    for s in range(heads):
        for c in range(n):
            response[s, c] = rows[s, c] * known[s, c]
    pilots = np.empty((len(rows) - training, n_pilots), np.complex64)
    for s in range(len(pilots)):
        for k in range(n_pilots):
            pilots[s, k] = rows[training + s, pilot_index[k]] * pilot_signs[s, k]
    since = time[training:] - f32(np.mean(time[:training]))
    rate, drift = offsets(
        response[training:], pilots, rough, since, occupied, pilot_index, looks, grids
    )

    body = len(rows) - heads
    count = body - 1 if reference >= 0 else body
    payload, at_reference = np.empty((count, n), np.complex64), np.zeros(n, np.complex64)
    seen, seen_then = np.empty((count, n_pilots), np.complex64), np.zeros(n_pilots, np.complex64)
    share = np.zeros(count, np.float32)
    cos, sin = np.empty(n + 1, np.float32), np.empty(n + 1, np.float32)
    for s in range(len(rows)):
        ramp(cos, sin, -time[s] * (rate + drift * occupied[0]), -time[s] * drift)
        b = s - heads
        if b < 0:
            turn(response[s], cos, sin, response[s])
        elif b == reference:
            turn(rows[s], cos, sin, at_reference)
            for k in range(n_pilots):
                seen_then[k] = at_reference[pilot_index[k]] * pilot_signs[s - training, k]
        else:
            out = b - 1 if 0 <= reference < b else b
            turn(rows[s], cos, sin, payload[out])
            for k in range(n_pilots):
                seen[out, k] = payload[out, pilot_index[k]] * pilot_signs[s - training, k]

    channel, noise, error, explained, doubt = _head_estimate(
        response, rough, vectors, weights, ends, kept, boost
    )
    change = np.zeros(n, np.complex64)
    if reference >= 0:
        change, part = _moved(
            at_reference, known[0], seen_then, channel, pilot_index, noise, doubt,
            vectors, weights, ends, kept,
        )  # fmt: skip
        middle_time = np.mean(time[:explained])
        lever = part / (time[heads + reference] - middle_time)
        for s in range(count):
            share[s] = (time[heads + s + (s >= reference)] - middle_time) * lever
    gain, left = _payload_gains(seen, channel, change, share, pilot_index, noise)
    return (
        rate, drift, channel, noise, error, explained, doubt, payload, change, share, gain, left
    )  # fmt: skip


@kernel(types.Tuple((INT, OUT_C2, OUT_D1)), C2, F2, DOUBLE, brief=True)
def degree(left, basis, noise):
    """Of the polynomials by which the channel changes, 0 for none; what each shows at the pilots,
    complex64 [degrees, n_pilots]; and its power, float64 [degrees]: see `drift.channel_change`."""
    symbols, n_pilots = left.shape
    degrees = basis.shape[1]
    parts, power = np.zeros((degrees, n_pilots), np.complex64), np.empty(degrees)
    for s in range(symbols):
        for d in range(degrees):
            for k in range(n_pilots):
                parts[d, k] += basis[s, d] * left[s, k]
    best, gain, most = 0, 0.0, 0.0
    for d in range(degrees):
        power[d] = power_of(parts[d]) / n_pilots
        gain += power[d] - 2 * noise
        if gain > most:
            best, most = d + 1, gain
    return best, parts, power


@kernel(
    types.Tuple((OUT_C1, OUT_F1, DOUBLE, DOUBLE)),
    C2, C1, C1, F1, C1, C2, F2, C2, F2, DOUBLE, DOUBLE, I1, I1, INT,
)  # fmt: skip
def equalise(
    payload, channel, change, share, gain, shapes, unsure, error, basis, noise, doubt,
    pilot_index, data_index, count,
):  # fmt: skip
    """Y/H and sigma^2/|H|^2 of the first `count` symbols.

    Args:
        payload, channel, change, share, gain, error, noise, doubt: as `follow` gives them.
        shapes: complex64 [degrees, n_occupied], what the channel gains with each polynomial.
        unsure: float32 [degrees, n_occupied], the variance of what is wrong with it.
        basis: float32 [symbols, at least degrees], the polynomials.
        pilot_index, data_index: int64, places among the carriers.
        count: data symbols that are used.

    Returns:
        complex64 and float32 [count]; energy of what is left of the pilots; the noise anew.
    """
    symbols, degrees, n = len(payload), len(shapes), len(channel)
    left, energy = error.copy(), 0.0
    for s in range(symbols):
        for d in range(degrees):
            for k in range(len(pilot_index)):
                left[s, k] -= basis[s, d] * shapes[d, pilot_index[k]]
        energy += power_of(left[s])
    variance, noise = payload_noise(left, noise, 16)
    out, noise_var = np.empty(count, np.complex64), np.empty(count, np.float32)
    response, here = np.empty(n, np.complex64), np.empty(n, np.float32)
    for s in range(symbols):
        for c in range(n):
            response[c] = gain[s] * (channel[c] + share[s] * change[c])
            here[c] = f32(variance[s] + doubt)
        for d in range(degrees):
            square = basis[s, d] * basis[s, d]
            for c in range(n):
                response[c] += basis[s, d] * shapes[d, c]
                here[c] += square * unsure[d, c]
        first = s * len(data_index)
        for k in range(min(len(data_index), count - first)):
            h, y = response[data_index[k]], payload[s, data_index[k]]
            weight = f32(1) / max(h.real * h.real + h.imag * h.imag, f32(1e-36))
            out[first + k] = complex(
                (y.real * h.real + y.imag * h.imag) * weight,
                (y.imag * h.real - y.real * h.imag) * weight,
            )
            noise_var[first + k] = here[data_index[k]] * weight
    return out, noise_var, energy, noise
