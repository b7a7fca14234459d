# SPDX-License-Identifier: GPL-3.0-or-later
"""A packet's OFDM symbols out of the stream, onto their carriers."""

import numpy as np
from scipy import fft

from percast.blocks.waveform import kernels
from percast.blocks.waveform.ofdm import gathered
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import phasors


def carriers(
    profile: Profile,
    samples: np.ndarray,
    start: int,
    starts: np.ndarray,
    freq_offset: float,
    out: np.ndarray,
    amplitude: float = 1.0,
) -> None:
    """The carriers of some OFDM symbols, the carrier offset removed.

    Args:
        samples: complex64, the stream's.
        start: of the packet's first window.
        starts: int [symbols], where the windows lie after that, samples.
        freq_offset: cycles per sample; phase 0 is at `start`.
        out: to be filled, complex64 [symbols, n_occupied].
        amplitude: what to divide them by.
    """
    fast = kernels.ready()
    cut, gather = (_cut, _gather) if fast is None else (fast.front.windows, fast.front.gather)
    turn = -2 * np.pi * freq_offset
    windows = np.empty((len(starts), profile.fft_size), np.complex64)
    cut(samples, start, starts, turn, windows)
    grid = fft.fft(windows, axis=1)
    scale = np.sqrt(len(profile.occupied)) / (profile.fft_size * amplitude)
    gather(grid, starts, turn, scale, out)


def _cut(samples: np.ndarray, start: int, starts: np.ndarray, turn: float, out: np.ndarray) -> None:
    """Windows times exp(j turn i), i from 0 within each, complex64 [symbols, n]."""
    n = out.shape[1]
    for row, at in zip(out, start + starts, strict=True):
        row[:] = samples[at : at + n]
    out *= phasors(turn * np.arange(n))


def _gather(
    grid: np.ndarray, starts: np.ndarray, turn: float, scale: float, out: np.ndarray
) -> None:
    """Occupied bins times scale exp(j turn starts), complex64 [symbols, n_occupied]."""
    turns = np.float32(scale) * phasors(turn * starts)
    out[:] = gathered(grid, out.shape[1], turns[:, None])
