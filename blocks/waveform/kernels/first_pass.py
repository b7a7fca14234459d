# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of the header: `percast.blocks.waveform.demodulate.read_header` and its code."""

import math

import numpy as np
from numba import types

from percast.blocks.waveform.kernels.bursts import burst_hit
from percast.blocks.waveform.kernels.jit import (
    C1,
    C2,
    D1,
    F1,
    F2,
    F3,
    I1,
    I2,
    INT,
    OUT_C2,
    OUT_D1,
    OUT_D2,
    OUT_F1,
    U1,
    kernel,
    power_of,
)
from percast.blocks.waveform.kernels.track import estimate, rotation_rate, trained

f32 = np.float32


@kernel(OUT_C2, C2, C2, F2, I1, I1, C1, F3, F1, I1, D1, INT)
def matched_header(
    rows, known, pilot_signs, pilot_index, data_index, grid, vectors, weights, ends, kept, training
):
    """`demodulate._matched_header`: Y H* / sigma^2, complex64 [header symbols, data carriers].

    Args:
        rows: complex64 [training + header symbols, n_occupied].
        known: complex64 [training, n_occupied], the training symbols, conjugated.
        pilot_signs: float32 [header symbols, n_pilots].
        pilot_index, data_index: int64, places among the carriers.
        grid: of `rotation_rate`, for all rows.
        vectors, weights, ends, kept: `estimate.projection_factors`.
        training: training symbols.
    """
    n = rows.shape[1]
    headers, n_pilots, n_data = len(rows) - training, len(pilot_index), len(data_index)
    response, used = trained(rows, known, training)
    channel, fitted = estimate(response, used, vectors, weights, ends, kept)
    error, count = 0.0, 0
    for t in range(training):
        if used[t]:
            count += 1
            energy = f32(0)
            for c in range(n):
                e = response[t, c] - channel[c]
                energy += e.real * e.real + e.imag * e.imag
            error += energy
    power = power_of(channel)
    noise = max(error / max(count * n - fitted, 1), 1e-9 * power / n, 1e-35)

    gains = np.empty(training + headers, np.complex64)
    for t in range(training):
        gains[t] = n_pilots * power / n  # phase 0 by definition
    for s in range(headers):
        total = np.complex64(0)
        for k in range(n_pilots):
            c = pilot_index[k]
            total += rows[training + s, c] * pilot_signs[s, k] * np.conj(channel[c])
        gains[training + s] = total
    rate = rotation_rate(gains, grid)

    turns, errors = np.empty(headers, np.complex64), np.empty(headers)
    for s in range(headers):
        phase = -rate * (training + s)
        turns[s] = complex(math.cos(phase), math.sin(phase))
        energy = f32(0)
        for k in range(n_pilots):
            c = pilot_index[k]
            e = rows[training + s, c] * (turns[s] * pilot_signs[s, k]) - channel[c]
            energy += e.real * e.real + e.imag * e.imag
        errors[s] = energy / n_pilots
    burst = burst_hit(errors, noise)
    out = np.empty((headers, n_data), np.complex64)
    for s in range(headers):
        weight = np.complex64(turns[s] * (1 / (errors[s] if burst[s] else noise)))
        for k in range(n_data):
            h, y = channel[data_index[k]], rows[training + s, data_index[k]]
            out[s, k] = y * np.conj(h) * weight
    return out


@kernel(OUT_D1, F1, I1, F1, INT, brief=True)
def collected(llr, placement, signs, word):
    """The copies of each bit of the codeword added up, float64 [word]."""
    prior = np.zeros(word)
    for i in range(len(llr)):
        prior[placement[i]] += llr[i] * signs[i]
    return prior


@kernel(OUT_F1, U1, I2, I1, F1, brief=True)
def encoded(bits, checks, placement, signs):
    """`header_code.encode`: float32 [length]."""
    info = len(bits)
    word = np.empty(info + len(checks), np.float32)
    for i in range(info):
        word[i] = 1 - 2 * f32(bits[i])
    parity = 0
    for c in range(len(checks)):
        for j in range(checks.shape[1]):
            parity ^= bits[checks[c, j]]
        word[info + c] = 1 - 2 * f32(parity)
    out = np.empty(len(placement), np.float32)
    for i in range(len(placement)):
        out[i] = word[placement[i]] * signs[i]
    return out


@kernel(OUT_D1, D1, I2, OUT_D2)
def iterated(prior, edges, to_bit):
    """One iteration of `header_code.decode`: new totals, float64 [word]; `to_bit` is renewed.

    Args:
        edges: int64 [checks, degree], places in the codeword; -1 for none.
        to_bit: float64 [checks, degree], what checks have said to bits so far.
    """
    checks, degree = edges.shape
    total = prior.copy()
    for c in range(checks):
        for j in range(degree):
            if edges[c, j] >= 0:
                total[edges[c, j]] += to_bit[c, j]
    fresh = prior.copy()
    t = np.empty(degree)
    for c in range(checks):
        product = 1.0
        for j in range(degree):
            t[j] = 1.0
            if edges[c, j] >= 0:
                said = min(max(total[edges[c, j]] - to_bit[c, j], -25.0), 25.0)
                t[j] = math.tanh(said / 2)
                if abs(t[j]) < 1e-9:
                    t[j] = 1e-9
            product *= t[j]
        for j in range(degree):
            if edges[c, j] >= 0:
                others = min(max(product / t[j], -1 + 1e-12), 1 - 1e-12)
                to_bit[c, j] = 2 * math.atanh(others)
                fresh[edges[c, j]] += to_bit[c, j]
    return fresh


@kernel(types.void, C2, F2, I1, I1, OUT_C2, brief=True)
def place(data, pilots, data_index, pilot_index, out):
    """`transmit.place`."""
    for s in range(len(out)):
        for k in range(len(data_index)):
            out[s, data_index[k]] = data[s, k]
        for k in range(len(pilot_index)):
            out[s, pilot_index[k]] = pilots[s, k]
