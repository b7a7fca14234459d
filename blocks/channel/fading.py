# SPDX-License-Identifier: GPL-3.0-or-later
"""Fading channels of mean power 1. All stream, and all answer what the channel truly was."""

import math

import numpy as np

from percast.blocks.channel.fractional_delay import kaiser_beta, windowed_sinc
from percast.blocks.channel.sinusoids import (
    GainGrid,
    line_of_sight_wave,
    path_gains,
    rayleigh_waves,
)
from percast.blocks.channel.tdl_tables import DelayProfile
from percast.blocks.channel.varying_fir import block_size, filter_blocks, spectra

KERNEL_TAPS = 20
BAND_EDGE = 0.4  # cycles/sample; fractional delays are exact to -60 dB within
# Longest grid step in periods of the maximum Doppler. Linear interpolation of exp(jwt) over a
# step T errs by (wT)^2 / 8 at most: -60 dB here for the fastest wave, less for the others.
GRID_STEP = math.sqrt(8e-3) / (2 * math.pi)
_GAINS_AT_ONCE = 256


class NoFading:
    """The channel of gain 1."""

    delay = 0
    max_delay = 0.0
    tail = 0

    def process(self, x: np.ndarray) -> np.ndarray:
        """x: complex64 [n]; returns it."""
        return x

    def frequency_response(self, n_fft: int, at_sample: int, shift: float = 0.0) -> np.ndarray:
        """Ones, complex128 [n_fft]."""
        return np.ones(n_fft, complex)


class BlockRayleigh:
    """Flat fading by one complex Gaussian gain a block, independent from block to block.

    The block-fading model of Ozarow, Shamai, Wyner 1994, which most papers on learned
    transmission call "the Rayleigh channel". `coherence` is in s; infinite: one gain for ever.
    """

    delay = 0
    max_delay = 0.0
    tail = 0

    def __init__(
        self,
        samp_rate: float,
        coherence: float,
        seed: np.random.SeedSequence | int = 0,
    ):
        given = isinstance(seed, np.random.SeedSequence)
        self._seed = seed if given else np.random.SeedSequence(seed)
        longest = coherence * samp_rate
        # An infinite block still needs a length to divide by: more samples than any run has.
        self.block = 1 << 62 if math.isinf(longest) else max(1, round(longest))
        self._next = 0
        self._batch: tuple[int, np.ndarray] = (-1, np.zeros(0, complex))

    def process(self, x: np.ndarray) -> np.ndarray:
        """x: complex64 [n]; returns complex64 [n]."""
        first = self._next // self.block
        last = (self._next + max(len(x), 1) - 1) // self.block
        gains = np.array([self.gain(block) for block in range(first, last + 1)], np.complex64)
        block = (self._next - first * self.block + np.arange(len(x))) // self.block
        self._next += len(x)
        return x * gains[block]

    def gain(self, block: int) -> complex:
        """Gain of the block of that number, of unit variance."""
        # Seeded by position, so that the truth about any past block needs no memory.
        batch, index = divmod(block, _GAINS_AT_ONCE)
        if self._batch[0] != batch:
            key = (*self._seed.spawn_key, batch)
            rng = np.random.default_rng(np.random.SeedSequence(self._seed.entropy, spawn_key=key))
            parts = rng.standard_normal((2, _GAINS_AT_ONCE)) / math.sqrt(2)
            self._batch = (batch, parts[0] + 1j * parts[1])
        return complex(self._batch[1][index])

    def frequency_response(self, n_fft: int, at_sample: int, shift: float = 0.0) -> np.ndarray:
        """Response at output sample `at_sample`, complex128 [n_fft], flat."""
        return np.full(n_fft, self.gain(at_sample // self.block))


class MultipathFading:
    """Tapped delay line with Clarke/Jakes Doppler, TR 38.901 clause 7.7.

    y[m] = sum_p g_p(m / samp_rate) x(m - delay - delay_p), with the profile's delays scaled to
    `delay_spread` (clause 7.7.3), g_p of `sinusoids.py`, and x between its samples from a
    windowed sinc that errs by less than -60 dB within |f| <= 0.4 samp_rate. Mean power 1.

    The output lags by a constant `delay` of 9 samples: the half of the sinc that would look ahead.
    `waves` and `path_delays` (samples) are the truth behind it, the line of sight last.
    """

    delay = KERNEL_TAPS // 2 - 1

    def __init__(
        self,
        profile: DelayProfile,
        delay_spread: float,
        doppler: float,
        samp_rate: float,
        seed: np.random.SeedSequence | int = 0,
    ):
        """delay_spread: RMS, s; doppler: maximum, Hz, 0 = a constant channel; samp_rate: Hz."""
        rng = np.random.default_rng(seed)
        seconds = np.array(profile.delays) * delay_spread
        self.max_delay = float(np.max(seconds))
        self.waves = rayleigh_waves(profile.rayleigh_powers(), doppler, rng)
        if profile.los_db is not None:
            self.waves += line_of_sight_wave(profile.los_power(), doppler, rng)
            seconds = np.append(seconds, 0.0)
        self.path_delays = seconds * samp_rate
        self._kernels = delay_kernels(self.path_delays)
        self._taps = self._kernels.shape[1]
        self.tail = self._taps - 1
        self._samp_rate = samp_rate
        longest = GRID_STEP * samp_rate / doppler if doppler else math.inf
        self._block, self._n_fft = block_size(self._taps, longest)
        self._grid = GainGrid(self.waves, self._block / samp_rate) if doppler else None
        self._constant = None if doppler else spectra(self.taps_at(0)[None], self._n_fft)
        self._history = np.zeros(self._taps - 1, np.complex64)
        self._next = 0

    def process(self, x: np.ndarray) -> np.ndarray:
        """x: complex64 [n]; returns complex64 [n]."""
        if len(x) == 0:
            return x
        # Blocks lie on a grid of absolute time, so that the cut into chunks cannot matter; those
        # that this chunk covers only in part are filled up with zeros.
        first, skip = divmod(self._next, self._block)
        blocks = -(-(skip + len(x)) // self._block)
        lead = self._taps - 1
        samples = np.zeros(lead + blocks * self._block, np.complex64)
        samples[skip : skip + lead] = self._history
        samples[skip + lead : skip + lead + len(x)] = x
        self._history = samples[skip + len(x) : skip + len(x) + lead].copy()
        self._next += len(x)
        windows = np.lib.stride_tricks.sliding_window_view(samples, lead + self._block)
        frames = windows[:: self._block]
        if self._grid is None:
            y = filter_blocks(frames, self._constant, None, self._taps)
        else:
            gains = self._grid.gains(first, blocks + 1)
            grid = spectra(gains @ self._kernels, self._n_fft)
            y = filter_blocks(frames, grid[:-1], grid[1:], self._taps)
        return y.reshape(-1)[skip : skip + len(x)]

    def taps_at(self, at_sample: int) -> np.ndarray:
        """The equivalent FIR filter at output sample `at_sample`, complex128 [taps]."""
        return path_gains(self.waves, np.array([at_sample / self._samp_rate]))[0] @ self._kernels

    def frequency_response(self, n_fft: int, at_sample: int, shift: float = 0.0) -> np.ndarray:
        """H at the frequencies k / n_fft + shift (cycles/sample) at output sample `at_sample`.

        complex128 [n_fft] in the order of `np.fft.fft`. It contains the constant bulk `delay`: a
        channel of gain 1 has the response exp(-2j pi f delay).
        """
        taps = self.taps_at(at_sample) * np.exp(-2j * np.pi * shift * np.arange(self._taps))
        # A filter longer than the FFT is folded, which samples its spectrum at the same bins.
        folds = -(-self._taps // n_fft)
        folded = np.pad(taps, (0, folds * n_fft - self._taps)).reshape(folds, n_fft).sum(axis=0)
        return np.fft.fft(folded)


def delay_kernels(delays: np.ndarray) -> np.ndarray:
    """FIR filters of fractional delays.

    delays: float64 [paths], in samples, >= 0; returns float32 [paths, taps] whose row p delays by
    KERNEL_TAPS / 2 - 1 + delays[p] samples.
    """
    taps = KERNEL_TAPS + int(np.max(delays))
    offset = np.arange(taps) - (KERNEL_TAPS // 2 - 1) - np.asarray(delays)[:, None]
    kernels = windowed_sinc(offset, KERNEL_TAPS, kaiser_beta(KERNEL_TAPS, BAND_EDGE))
    return kernels.astype(np.float32)
