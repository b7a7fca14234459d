# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes steady tones out of the samples before packets are looked for.

A tone as strong as the signal leads the carrier-offset estimate astray and loses every packet; a
notch costs one or two carriers. Tones are looked for in one block of samples of `_EVERY`, and are
notched once `_SIGHTINGS` looks in a row have found them at the same frequency, so that the lines
of a packet's short part are left alone. All decisions fall on whole blocks of the stream: the
result does not depend on how the samples come in.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import fft

from percast.blocks.waveform import kernels
from percast.blocks.waveform.rotate import shift
from percast.blocks.waveform.synchronise import lagged_phase

_BLOCK = 4096
_EVERY = 4  # blocks, of which one is looked at
_SIGHTINGS = 3
# Share of a block's power in a line's few highest bins. A short part alone in a block of silence
# reaches 0.11; a transmitter that keeps step with the looks loses a carrier to that.
_SHARE = 0.08
_MOST = 4  # tones at once
# Pole radius: the notch is 0.8 carriers of 256 wide and rings for 100 samples.
_POLE = 0.99
_WINDOW = np.hanning(_BLOCK + 1)[:-1].astype(np.float32)
_LINE = 2  # bins on either side of a line's peak that hold it,
_SKIRT = 24  # and those that the window spreads a very strong one over


@dataclass
class _Tone:
    freq: float  # cycles per sample
    sightings: int = 1
    state: np.ndarray = field(default_factory=lambda: np.zeros(1, np.complex64))  # of its filter


class ToneNotch:
    """Notches for the steady tones of a stream.

    Attributes:
        freqs: of the tones that are taken out now, cycles per sample.
    """

    def __init__(self):
        self._tones: list[_Tone] = []
        self._look = np.zeros(_BLOCK, np.complex64)
        self._position = 0  # in the stream, modulo _EVERY blocks

    @property
    def freqs(self) -> list[float]:
        return [t.freq for t in self._tones if t.sightings >= _SIGHTINGS]

    def process(self, samples: np.ndarray) -> np.ndarray:
        """complex64 [n] without the tones, of the same length."""
        if not len(samples):
            return samples
        out = []
        while len(samples):
            to_look = _BLOCK - self._position
            to_go = to_look if to_look > 0 else to_look + (_EVERY - 1) * _BLOCK
            part, samples = samples[:to_go], samples[to_go:]
            if to_look > 0:
                self._look[self._position : self._position + len(part)] = part
            out.append(self._filtered(part))
            self._position += len(part)
            if self._position == _BLOCK:
                self._update(find_tones(self._look))
            self._position %= _EVERY * _BLOCK
        return out[0] if len(out) == 1 else np.concatenate(out)

    def _filtered(self, samples: np.ndarray) -> np.ndarray:
        for tone in self._tones:
            if tone.sightings < _SIGHTINGS:
                continue
            samples, tone.state = notch(samples, tone.freq, tone.state)
        return samples

    def _update(self, found: list[float]) -> None:
        kept = []
        for freq in found:
            near = [t for t in self._tones if abs(_apart(t.freq, freq)) < 2 / _BLOCK]
            if near:
                near[0].freq, near[0].sightings = freq, near[0].sightings + 1
            kept.append(near[0] if near else _Tone(freq))
        self._tones = kept


def notch(samples: np.ndarray, freq: float, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """complex64 [n] without what lies at `freq`, and the filter's next state.

    y = (1 - t / z) / (1 - _POLE t / z) x with t = exp(2j pi freq); freq: cycles per sample; state:
    complex64 [1], as `scipy.signal.lfilter` has it.
    """
    zero = np.complex64(-np.exp(2j * np.pi * freq))
    pole = np.complex64(_POLE * zero)
    if (fast := kernels.ready()) is not None:
        out = np.empty(len(samples), np.complex64)
        last = fast.front.notch(np.ascontiguousarray(samples), zero, pole, state[0], out)
        return out, np.array([last], np.complex64)
    from scipy.signal import lfilter  # takes a second, and tones are rare

    over, under = np.array([[1, zero], [1, pole]], np.complex64)
    return lfilter(over, under, samples, zi=state)


def find_tones(block: np.ndarray) -> list[float]:
    """Frequencies in cycles per sample of the lines in complex64 [_BLOCK], strongest first."""
    spectrum = fft.fft(block * _WINDOW)
    power = spectrum.real**2 + spectrum.imag**2
    total = float(power.sum())
    found = []
    while len(found) < _MOST:
        peak = int(power.argmax())
        if not (2 * _LINE + 1) * power[peak] > _SHARE * total:
            break  # not even if its whole line were as high
        near = np.arange(peak - _SKIRT, peak + _SKIRT + 1) % _BLOCK
        line = near[_SKIRT - _LINE : _SKIRT + _LINE + 1]
        if not power[line].sum() > _SHARE * total:
            break
        found.append(_refined(block, peak / _BLOCK))
        total -= float(power[near].sum())
        power[near] = 0
    return found


def _refined(block: np.ndarray, freq: float) -> float:
    """From a bin to a small part of one: the phase advance over an eighth of the block, near `freq`
    only."""
    near = shift(block * _WINDOW, freq).reshape(64, -1).sum(1)
    return freq + lagged_phase(near, 8) / (2 * np.pi) / (_BLOCK / 8)


def _apart(a: float, b: float) -> float:
    return (a - b + 0.5) % 1 - 0.5
