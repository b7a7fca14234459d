# SPDX-License-Identifier: GPL-3.0-or-later
"""How loud a radio receives, and whether its converter clips."""

import math
from dataclasses import dataclass

import numpy as np

FULL_SCALE = 0.98  # of the converter: 126 of 128 in eight bits
_EVERY = 4  # samples of which one is looked at
_CHUNK = 256  # looked-at samples over which power is averaged before the loudest is taken


@dataclass(frozen=True)
class Level:
    """Levels in dB relative to full scale, None where nothing was heard.

    Args:
        mean_dbfs: mean power, silence between packets included.
        loudest_dbfs: mean power of the loudest 1,024 samples in a row, without DC: the packets'.
        clipped_share: share of I and Q values near full scale.
    """

    mean_dbfs: float | None
    loudest_dbfs: float | None
    clipped_share: float


class _Sums:
    def __init__(self):
        self.values = self.clipped = 0
        self.power = self.loudest = 0.0

    def level(self) -> Level:
        share = self.clipped / self.values if self.values else 0.0
        mean = 2 * self.power / self.values if self.values else 0.0
        return Level(_decibels(mean), _decibels(self.loudest), share)


class LevelMeter:
    """Looks at a share of the samples, so that it costs little."""

    def __init__(self):
        self._all, self._recent = _Sums(), _Sums()

    def push(self, samples: np.ndarray) -> None:
        """Take complex64 [n]."""
        some = np.ascontiguousarray(samples[::_EVERY])
        if not len(some):
            return
        values = some.view(np.float32)
        clipped = int(np.count_nonzero(np.abs(values) >= FULL_SCALE))
        values = np.nan_to_num(values, nan=0, posinf=0, neginf=0)  # as the receiver takes them
        power = np.square(values)
        total = float(power.sum())
        whole = len(some) // _CHUNK * _CHUNK
        chunks = power[: 2 * whole].reshape(-1, 2 * _CHUNK).sum(1) / _CHUNK
        # The radio's DC offset is no signal.
        chunks -= np.abs(values.view(np.complex64)[:whole].reshape(-1, _CHUNK).mean(1)) ** 2
        loudest = float(chunks.max()) if whole else 0.0
        for sums in (self._all, self._recent):
            sums.values += len(values)
            sums.clipped += clipped
            sums.power += total
            sums.loudest = max(sums.loudest, loudest)

    def total(self) -> Level:
        """Since it was made."""
        return self._all.level()

    def recent(self) -> Level:
        """Since this was called the last time."""
        sums, self._recent = self._recent, _Sums()
        return sums.level()


def _decibels(power: float) -> float | None:
    return 10 * math.log10(power) if power > 0 and math.isfinite(power) else None
