# SPDX-License-Identifier: GPL-3.0-or-later
"""Path gains as sums of sinusoids: plane waves from random directions (Clarke's model).

Source: C. Xiao, Y. R. Zheng, N. C. Beaulieu, "Novel Sum-of-Sinusoids Simulation Models for
Rayleigh and Rician Fading Channels", IEEE Trans. Wireless Commun. 5(12), 2006, pp. 3667-3679.
"""

from dataclasses import dataclass

import numpy as np

SINUSOIDS = 32  # per path: |gain| is then Rayleigh to within what a measurement can tell
LOS_DOPPLER = 0.7  # of the maximum Doppler; TR 38.901, clause 7.7.2
_TABLE = 64  # grid points that share one evaluation of exp(j phase)


@dataclass(frozen=True)
class Waves:
    """Plane waves of each path: amplitude, frequency (Hz), phase (rad), float64 [paths, waves]."""

    amplitude: np.ndarray
    frequency: np.ndarray
    phase: np.ndarray

    def __add__(self, other: "Waves") -> "Waves":
        return Waves(
            np.concatenate([self.amplitude, other.amplitude]),
            np.concatenate([self.frequency, other.frequency]),
            np.concatenate([self.phase, other.phase]),
        )


def rayleigh_waves(powers: np.ndarray, doppler: float, rng: np.random.Generator) -> Waves:
    """Waves of Rayleigh paths of mean power `powers` (float64 [paths]) and maximum Doppler in Hz.

    Xiao et al.: angles a_n = (2 pi n + theta_n) / N with theta_n and the phases uniform
    in [-pi, pi), frequency doppler * cos(a_n); the autocorrelation is J0(2 pi doppler t).
    """
    shape = (len(powers), SINUSOIDS)
    theta = rng.uniform(-np.pi, np.pi, shape)
    angle = (2 * np.pi * np.arange(SINUSOIDS) + theta) / SINUSOIDS
    amplitude = np.sqrt(np.asarray(powers) / SINUSOIDS)[:, None] * np.ones(shape)
    return Waves(amplitude, doppler * np.cos(angle), rng.uniform(-np.pi, np.pi, shape))


def line_of_sight_wave(power: float, doppler: float, rng: np.random.Generator) -> Waves:
    """One path of constant amplitude at 0.7 of the maximum Doppler, random phase; [1, waves]."""
    amplitude = np.zeros((1, SINUSOIDS))
    amplitude[0, 0] = np.sqrt(power)
    frequency = np.full((1, SINUSOIDS), LOS_DOPPLER * doppler)
    return Waves(amplitude, frequency, np.full((1, SINUSOIDS), rng.uniform(-np.pi, np.pi)))


def path_gains(waves: Waves, times: np.ndarray) -> np.ndarray:
    """Gains complex128 [times, paths] at `times` (float64, s): the sum of each path's waves."""
    cycles = np.asarray(times)[:, None, None] * waves.frequency
    phase = 2 * np.pi * np.remainder(cycles, 1) + waves.phase
    return np.sum(waves.amplitude * np.exp(1j * phase), axis=2)


class GainGrid:
    """Gains at the whole multiples of a time step; a matrix product each, so any rate is cheap."""

    def __init__(self, waves: Waves, step: float):
        """step: s between two grid points."""
        self._waves = waves
        self._step = step
        turn = np.arange(_TABLE)[None, None] * (waves.frequency * step)[..., None]
        self._turns = np.exp(2j * np.pi * turn)  # [paths, waves, table]

    def gains(self, first: int, count: int) -> np.ndarray:
        """Gains complex64 [count, paths] at the grid points first, first + 1, ..."""
        starts = (first + np.arange(0, count, _TABLE)) * self._step
        # Reduced to one turn in float64 first, so that the phase stays exact for days.
        cycles = np.remainder(starts[:, None, None] * self._waves.frequency, 1)
        waves = self._waves.amplitude * np.exp(1j * (2 * np.pi * cycles + self._waves.phase))
        gains = waves.transpose(1, 0, 2) @ self._turns  # [paths, starts, table]
        return gains.reshape(len(gains), -1)[:, :count].T.astype(np.complex64)
