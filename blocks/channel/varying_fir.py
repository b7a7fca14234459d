# SPDX-License-Identifier: GPL-3.0-or-later
"""FIR filters whose taps change linearly along a block of samples, by overlap-save.

A fading channel and a drifting clock are both this filter: their taps move slowly, so it is
enough to know them at both ends of a block. Two FFT filters and a crossfade then replace one
set of taps for each sample.
"""

import numpy as np
from scipy import fft

SHORTEST_FFT = 1024  # fastest size on the machines measured; longer only for long filters


def block_size(taps: int, longest: float) -> tuple[int, int]:
    """(samples in a block, FFT length) for a filter of `taps` that may move for `longest` samples.

    `longest` may be infinite: the filter then never changes.
    """
    n_fft = max(SHORTEST_FFT, 1 << (4 * taps - 1).bit_length())
    block = n_fft - taps + 1
    if longest < block:
        block = max(1, int(longest))
        n_fft = fft.next_fast_len(block + taps - 1)
    return block, n_fft


def spectra(taps: np.ndarray, n_fft: int) -> np.ndarray:
    """FFTs of filters; taps: [blocks, taps]; returns complex64 [blocks, n_fft]."""
    return fft.fft(taps.astype(np.complex64), n_fft, axis=-1)


def filter_blocks(
    frames: np.ndarray, start: np.ndarray, end: np.ndarray | None, taps: int
) -> np.ndarray:
    """Filter each frame with taps that move linearly from `start` towards `end`.

    frames: complex64 [blocks, taps - 1 + block], each led by the `taps - 1` samples before it.
    start, end: spectra complex64 [blocks or 1, n_fft] of the taps at the first sample of the
    block and at the first sample after it; end None: the taps stay. Returns complex64
    [blocks, block]. Source: overlap-save, as in any textbook.
    """
    block = frames.shape[1] - taps + 1
    valid = slice(taps - 1, taps - 1 + block)
    spectrum = fft.fft(frames, start.shape[1], axis=1)
    if end is None:
        spectrum *= start
        return fft.ifft(spectrum, axis=1, overwrite_x=True)[:, valid]
    change = fft.ifft(spectrum * (end - start), axis=1, overwrite_x=True)[:, valid]
    spectrum *= start
    result = fft.ifft(spectrum, axis=1, overwrite_x=True)[:, valid]
    change *= np.arange(block, dtype=np.float32) / np.float32(block)
    result += change
    return result
