# SPDX-License-Identifier: GPL-3.0-or-later
"""A band as a receiver hears it for a while: now and then a picture, other signals, and noise."""

import json
from pathlib import Path

import numpy as np

from percast.blocks.channel.impairments import complex_noise
from percast.blocks.recordings.writer import RecordingWriter

_LEVEL = -12.0  # dB relative to full scale, as `percast tx` sends
_NOISE = -32.0  # so the pictures have 20 dB
_FOREIGN = (64, 16, 52)  # 802.11a's bins, prefix and carriers
_BURST = 100  # of its symbols
_PER_SECOND = 20  # bursts


def record(path: Path, sent: Path, seconds: int) -> None:
    """A recording of bytes, whose seconds alternate between bursts of foreign OFDM in noise, noise
    alone, and a tone in noise; the pictures spread evenly over all of them.

    Args:
        path: ends in .sigmf-meta.
        sent: a recording by `percast tx`, of one packet for each picture.
        seconds: how long it becomes.
    """
    meta = json.loads(sent.read_text())
    rate = meta["global"]["core:sample_rate"]
    air = np.fromfile(sent.with_suffix(".sigmf-data"), np.complex64)
    notes = meta["annotations"]
    rng, count = np.random.default_rng(1), int(rate)
    writer = RecordingWriter(path, rate, datatype="ci8")
    for second in range(seconds):
        samples = complex_noise(rng, count) * np.float32(10 ** (_NOISE / 20))
        if second % 3 == 0:
            _add_foreign(samples, rng)
        if second % 3 == 2:
            tone = np.exp(0.1j * np.arange(count)).astype(np.complex64)
            samples += tone * np.float32(10 ** ((_LEVEL - 6) / 20))
        mine = notes[len(notes) * second // seconds : len(notes) * (second + 1) // seconds]
        for i, note in enumerate(mine):
            first, length = note["core:sample_start"], note["core:sample_count"]
            at = count * (i + 1) // (len(mine) + 1)
            samples[at : at + length] += air[first : first + length]
        writer.write(samples)
    writer.close()


def _add_foreign(samples: np.ndarray, rng: np.random.Generator) -> None:
    """Bursts of QPSK on the carriers of another standard, as loud as the pictures."""
    bins, prefix, carriers = _FOREIGN
    length = _BURST * (bins + prefix)
    for at in np.arange(_PER_SECOND) * (len(samples) // _PER_SECOND):
        grid = np.zeros((_BURST, bins), np.complex64)
        used = np.r_[1 : carriers // 2 + 1, bins - carriers // 2 : bins]
        grid[:, used] = 1j ** rng.integers(0, 4, (_BURST, carriers))
        time = np.fft.ifft(grid).astype(np.complex64)
        burst = np.hstack([time[:, -prefix:], time]).ravel()
        burst *= np.float32(10 ** (_LEVEL / 20) / np.sqrt(np.mean(np.abs(burst) ** 2)))
        samples[at : at + length] += burst
