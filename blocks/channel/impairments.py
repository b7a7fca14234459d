# SPDX-License-Identifier: GPL-3.0-or-later
"""What imperfect oscillators, mixers, amplifiers and converters do to complex64 samples."""

import math

import numpy as np

ADC_BACKOFF_DB = 12.0  # OFDM through a fade of this much still clips less than once in 1e5 samples
_ROTATION = 4096  # samples that share one evaluation of the phase


class CarrierOffset:
    """Rotation by exp(2j pi n cycles), n the sample number, `cycles` per sample.

    The phase is computed from n, never accumulated: after 1e9 samples it is exact to 1e-8 turns.
    """

    def __init__(self, cycles: float, turns: float = 0.0):
        """turns: phase of the first sample in cycles, to go on where another one ended."""
        self._cycles, self._turns = cycles, turns
        self._table = np.exp(2j * np.pi * cycles * np.arange(_ROTATION)).astype(np.complex64)
        self._next = 0

    def process(self, x: np.ndarray) -> np.ndarray:
        """x: complex64 [n]; returns complex64 [n]."""
        y = x * self.phasors(self._next, len(x))
        self._next += len(x)
        return y

    @property
    def turns(self) -> float:
        """Phase of the next sample, cycles."""
        return (self._next * self._cycles + self._turns) % 1

    def phasors(self, first: int, count: int) -> np.ndarray:
        """The factors complex64 [count] of the samples from number `first` on."""
        starts = first + np.arange(0, count, _ROTATION)
        cycles = np.remainder(starts * self._cycles + self._turns, 1)
        turns = np.exp(2j * np.pi * cycles).astype(np.complex64)
        return (turns[:, None] * self._table[None, : max(count, 1)]).reshape(-1)[:count]


class PhaseNoise:
    """A free-running oscillator: Wiener phase, Lorentzian line of full 3-dB width `linewidth`.

    The phase gains a variance of 2 pi linewidth / samp_rate each sample. Sources: T. Pollet,
    M. Van Bladel, M. Moeneclaey, IEEE Trans. Commun. 43(2/3/4), 1995 (whose beta is half this
    width); A. Demir, A. Mehrotra, J. Roychowdhury, IEEE Trans. Circuits Syst. I 47(5), 2000.
    """

    def __init__(self, linewidth: float, samp_rate: float, rng: np.random.Generator):
        """linewidth, samp_rate: Hz."""
        self._step = math.sqrt(2 * math.pi * linewidth / samp_rate)
        self._rng = rng
        self._phase = 0.0

    def process(self, x: np.ndarray) -> np.ndarray:
        """x: complex64 [n]; returns complex64 [n]."""
        if len(x) == 0:
            return x
        steps = self._rng.standard_normal(len(x), np.float32).astype(np.float64)
        steps *= self._step
        steps[0] += self._phase
        phase = np.cumsum(steps, out=steps)
        self._phase = math.remainder(phase[-1], 2 * math.pi)
        short = phase.astype(np.float32)
        rotation = np.empty(len(x), np.complex64)
        np.cos(short, out=rotation.real)
        np.sin(short, out=rotation.imag)
        rotation *= x
        return rotation


def iq_imbalance_gains(gain_db: float, phase_deg: float) -> tuple[complex, complex]:
    """Gains (direct, image) of a receiver whose Q branch is off by `gain_db` and `phase_deg`.

    direct = (1 + g exp(-j phi)) / 2, image = (1 - g exp(j phi)) / 2. Source: M. Valkama,
    M. Renfors, V. Koivunen, IEEE Trans. Signal Process. 49(10), 2001.
    """
    g, phi = 10 ** (gain_db / 20), math.radians(phase_deg)
    return (1 + g * np.exp(-1j * phi)) / 2, (1 - g * np.exp(1j * phi)) / 2


def iq_imbalance(x: np.ndarray, gain_db: float, phase_deg: float) -> np.ndarray:
    """direct * x + image * conj(x); x: complex64 [n], returns complex64 [n]."""
    direct, image = iq_imbalance_gains(gain_db, phase_deg)
    return np.complex64(direct) * x + np.complex64(image) * np.conj(x)


def complex_noise(rng: np.random.Generator, count: int, power: float = 1.0) -> np.ndarray:
    """Circular white Gaussian noise of mean power `power`, complex64 [count]."""
    noise = rng.standard_normal(2 * count, np.float32)
    noise *= np.float32(math.sqrt(power / 2))
    return noise.view(np.complex64)


def saturate(x: np.ndarray) -> tuple[np.ndarray, float]:
    """What a transmitter's converter makes of samples: each rail goes from -1 to 1.

    Args:
        x: complex64 [n].

    Returns:
        complex64 [n], x itself where all of it is within; share of the values that lie beyond.
    """
    rails = np.ascontiguousarray(x, np.complex64).view(np.float32)
    beyond = np.count_nonzero(np.abs(rails) > 1)
    if not beyond:
        return x, 0.0
    return np.clip(rails, -1, 1).view(np.complex64), beyond / len(rails)


def adc_full_scale(power: float, backoff_db: float = ADC_BACKOFF_DB) -> float:
    """Full scale of each rail when a mean `power` lies `backoff_db` below a full-scale tone."""
    return math.sqrt(power) * 10 ** (backoff_db / 20)


def quantise(x: np.ndarray, bits: int, full_scale: float) -> np.ndarray:
    """Round each rail to `bits` of two's complement and saturate, as an ADC does.

    x: complex64 [n]; returns complex64 [n] on the grid full_scale * k / 2^(bits - 1) with
    -2^(bits - 1) <= k <= 2^(bits - 1) - 1: with 8 bits and full scale 1 that of int8 / 128.
    """
    levels = 1 << (bits - 1)
    rails = np.ascontiguousarray(x, np.complex64).view(np.float32) * np.float32(levels / full_scale)
    np.rint(rails, out=rails)
    np.clip(rails, -levels, levels - 1, out=rails)
    rails *= np.float32(full_scale / levels)
    return rails.view(np.complex64)
