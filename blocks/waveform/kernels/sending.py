# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of the transmitter: symbols to bins, peaks, edges. Together they are
what `transmit.modulate` does in numpy."""

import math

import numpy as np
from numba import types

from percast.blocks.waveform.kernels.jit import (
    C1,
    C2,
    F1,
    F2,
    FLOAT,
    I1,
    INT,
    OUT_C1,
    OUT_C2,
    OUT_D2,
    kernel,
)

f32 = np.float32


@kernel(types.void, C2, C1, F1, C1, F2, I1, I1, INT, INT, OUT_C2)
def laid_out(header, payload, filler, known, pilots, data_bins, pilot_bins, reference, first, grid):
    """`ofdm.spread` of `transmit.packet_carriers`, of some of its symbols.

    Args:
        header: complex64 [header symbols, data carriers].
        payload: complex64 [n].
        filler: float32, as many as the last payload symbol has left.
        known: complex64 [data carriers], of a reference symbol.
        pilots: float32 [all symbols at least, n_pilots].
        data_bins, pilot_bins: int64, where they lie in the transform.
        reference: payload symbol before which there is a reference symbol; -1 for none.
        first: symbol of the packet that is the first here.
        grid: to be filled, complex64 [symbols, bins].
    """
    heads, n_data = header.shape
    for row in range(len(grid)):
        symbol = first + row
        for b in range(grid.shape[1]):
            grid[row, b] = 0
        for k in range(len(pilot_bins)):
            grid[row, pilot_bins[k]] = pilots[symbol, k]
        body = symbol - heads
        if body < 0:
            for k in range(n_data):
                grid[row, data_bins[k]] = header[symbol, k]
        elif body == reference:
            for k in range(n_data):
                grid[row, data_bins[k]] = known[k]
        else:
            start = (body - (0 <= reference < body)) * n_data
            here = min(n_data, len(payload) - start)
            for k in range(here):
                grid[row, data_bins[k]] = payload[start + k]
            for k in range(here, n_data):
                grid[row, data_bins[k]] = filler[k - here]


@kernel(types.void, C2, F1, F1, I1, INT, INT, OUT_C2, OUT_D2)
def clipped(time, response, limits, rounds, step, cp_len, out, energies):
    """`papr.clip_and_filter`, without the power that is restored in the end: in time, where a
    clipped sample is an impulse, and the filter's response to it is all that there is to do.

    Args:
        time: complex64 [symbols, bins].
        response: float32 [2 bins], see `papr.response`.
        limits: envelope of each, float32 [symbols].
        rounds: of clipping and filtering each, int64 [symbols].
        step: every which sample is sent.
        out: to be filled behind the prefix, complex64 [symbols, cp_len + bins / step].
        energies: to be filled with each symbol's before and after, float64 [symbols, 2].
    """
    n = time.shape[1]
    re, im = np.empty(n, np.float32), np.empty(n, np.float32)
    peaks, cuts = np.empty(n, np.int64), np.empty((n, 2), np.float32)
    for s in range(len(time)):
        limit, energy, over = limits[s], f32(0), 0
        most = limit * limit
        for i in range(n):
            power = time[s, i].real * time[s, i].real + time[s, i].imag * time[s, i].imag
            energy += power
            over += power > most
        energies[s, 0] = energies[s, 1] = energy
        if over == 0:
            for i in range(n // step):
                out[s, cp_len + i] = time[s, step * i]
            continue
        for i in range(n):
            re[i], im[i] = time[s, i].real, time[s, i].imag
        for _ in range(rounds[s]):
            count = 0
            for i in range(n):
                power = re[i] * re[i] + im[i] * im[i]
                if power > most:
                    less = f32(limit / math.sqrt(power)) - f32(1)
                    peaks[count], cuts[count, 0], cuts[count, 1] = i, less * re[i], less * im[i]
                    count += 1
            for k in range(count):
                # A slice of its own: places known to be in it let vector registers do this.
                one = response[n - peaks[k] : 2 * n - peaks[k]]
                cut_re, cut_im = cuts[k, 0], cuts[k, 1]
                for i in range(n):
                    re[i] += cut_re * one[i]
                    im[i] += cut_im * one[i]
        energy = f32(0)
        for i in range(n):
            energy += re[i] * re[i] + im[i] * im[i]
        energies[s, 1] = energy
        for i in range(n // step):
            out[s, cp_len + i] = complex(re[step * i], im[step * i])


@kernel(types.void, C1, F1, INT, FLOAT, F1, OUT_C1, OUT_C2)
def joined(head, rise, cp_len, level, scale, packet, body):
    """`edges.joined`, in place.

    Args:
        head: complex64 [preamble_len].
        rise: float32 [window].
        cp_len: samples of prefix.
        level: what the head is multiplied by.
        scale: and what each OFDM symbol is, float32 [symbols].
        packet: to be filled, complex64 [preamble_len + symbols * symbol_len + window].
        body: the symbols in it, filled behind their prefixes, complex64 [symbols, symbol_len].
    """
    w, rows, length = len(rise), len(body), body.shape[1]
    n = length - cp_len
    for i in range(len(head)):
        packet[i] = head[i] * level
    for i in range(w):
        packet[i] *= rise[i]
    for s in range(rows):
        for i in range(cp_len, length):
            body[s, i] *= scale[s]
        for i in range(cp_len):
            body[s, i] = body[s, n + i]
        for i in range(w):
            if s > 0:
                past = body[s - 1, cp_len + i]
            else:
                past = packet[len(head) - n + i]
            body[s, i] = body[s, i] * rise[i] + past * rise[w - 1 - i]
    for i in range(w):
        packet[len(packet) - w + i] = body[rows - 1, cp_len + i] * rise[w - 1 - i]
