# SPDX-License-Identifier: GPL-3.0-or-later
"""Sample clocks that disagree: a fractional resampler of rate 1 + ppm * 1e-6.

(`channels.channel_model` of GNU Radio errs by -18 dB at 0.39 of the sample rate; this one by less
than -60 dB up to 0.42.)
"""

import math

import numpy as np

from percast.blocks.channel.fractional_delay import kaiser_beta, windowed_sinc
from percast.blocks.channel.varying_fir import block_size, filter_blocks, spectra

TAPS = 28
BAND_EDGE = 0.42  # cycles/sample
# Samples that the clocks may drift apart within a block: the taps move linearly in between, which
# errs by (2 pi f drift)^2 / 8 at most, -69 dB at the band edge.
LONGEST_DRIFT = 0.02


def read_positions(outputs: np.ndarray, ppm: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the receiver's samples lie in the transmitter's stream: n (1 + ppm * 1e-6).

    outputs: int64 [n] sample numbers; returns whole samples int64 [n] and fractions float64 [n]
    in [0, 1). Only the offset, at most 2e-4 of n, passes through floating point: after 1e9
    samples it is exact to 3e-11 samples.
    """
    offset = outputs * (ppm * 1e-6)
    whole = np.floor(offset)
    return outputs + whole.astype(np.int64), offset - whole


def interpolation_taps(fraction: np.ndarray) -> np.ndarray:
    """FIR filters that read a signal `fraction` samples after the time TAPS / 2 samples ago.

    fraction: float64 [n], in [0, 1] or LONGEST_DRIFT beyond; returns float64 [n, TAPS].
    """
    offset = np.asarray(fraction)[:, None] - TAPS // 2 + np.arange(TAPS)
    return windowed_sinc(offset, TAPS, kaiser_beta(TAPS, BAND_EDGE))


class ClockOffset:
    """A transmitter's sample clock that runs `ppm` faster than the receiver's.

    y[m] = x(m (1 + ppm * 1e-6) - delay): a tone of f cycles/sample arrives as one of
    f (1 + ppm * 1e-6), and n samples arrive as n / (1 + ppm * 1e-6).
    """

    delay = TAPS // 2
    tail = TAPS

    def __init__(self, ppm: float):
        """ppm: parts per million, at most 200 in magnitude."""
        self._ppm = ppm
        longest = LONGEST_DRIFT / (abs(ppm) * 1e-6) if ppm else math.inf
        self._block, self._n_fft = block_size(TAPS, longest)
        self._next = 0  # number of the next output
        self._kept = np.zeros(TAPS - 1, np.complex64)
        self._kept_first = 1 - TAPS  # number of the input kept[0]

    def process(self, x: np.ndarray) -> np.ndarray:
        """x: complex64 [n]; returns complex64, all outputs that these inputs allow."""
        inputs = np.concatenate([self._kept, x])
        seen = self._kept_first + len(inputs)
        blocks, whole, fraction, stop = self._due(seen)
        if len(blocks) == 0:
            self._kept = inputs
            return np.zeros(0, np.complex64)
        lead = TAPS - 1
        lowest, beyond = int(whole[0]) - lead, int(whole[-1]) + self._block
        samples = np.zeros(beyond - lowest, np.complex64)
        # The first block may begin before what was kept, but only with outputs already given.
        begin = max(self._kept_first, lowest)
        samples[begin - lowest : seen - lowest] = inputs[
            begin - self._kept_first : beyond - self._kept_first
        ]
        windows = np.lib.stride_tricks.sliding_window_view(samples, lead + self._block)
        frames = windows[whole - lead - lowest]
        drift = self._block * self._ppm * 1e-6
        start = spectra(interpolation_taps(fraction), self._n_fft)
        end = spectra(interpolation_taps(fraction + drift), self._n_fft)
        y = filter_blocks(frames, start, end, TAPS).reshape(-1)
        first = int(blocks[0]) * self._block
        y = y[self._next - first : stop - first]
        self._forget(inputs, stop)
        return y

    def _due(self, seen: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Blocks with new outputs once `seen` inputs came, where each reads, and the last + 1."""
        first = self._next // self._block
        # One more than can be, and then only those that begin within the inputs.
        last = int(seen / (1 + self._ppm * 1e-6)) // self._block + 1
        blocks = np.arange(first, last + 1)
        whole, fraction = read_positions(blocks * self._block, self._ppm)
        within = whole < seen
        blocks, whole, fraction = blocks[within], whole[within], fraction[within]
        if len(blocks) == 0:
            return blocks, whole, fraction, self._next
        stop = int(blocks[-1]) * self._block + min(seen - int(whole[-1]), self._block)
        if stop <= self._next:
            return blocks[:0], whole[:0], fraction[:0], self._next
        return blocks, whole, fraction, stop

    def _forget(self, inputs: np.ndarray, stop: int) -> None:
        """Drop the inputs that no output from `stop` on needs."""
        block, within = divmod(stop, self._block)
        whole, _ = read_positions(np.array([block * self._block]), self._ppm)
        needed = int(whole[0]) + within - (TAPS - 1)
        self._kept = inputs[needed - self._kept_first :].copy()
        self._kept_first = needed
        self._next = stop
