# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole channel: from the transmitter's samples to the receiver's."""

import math
import threading
from dataclasses import replace
from typing import Any

import numpy as np

from percast.blocks.channel.clock import ClockOffset
from percast.blocks.channel.config import ChannelConfig
from percast.blocks.channel.fading import BlockRayleigh, MultipathFading, NoFading
from percast.blocks.channel.impairments import (
    CarrierOffset,
    PhaseNoise,
    adc_full_scale,
    complex_noise,
    iq_imbalance,
    quantise,
)
from percast.blocks.channel.tdl_tables import PROFILES
from percast.errors import UsageError

# The rayleigh model holds its gain for this part of a Doppler period, over which Clarke's
# autocorrelation is still 0.9: 10 ms at the default 10 Hz.
COHERENT_CYCLES = 0.1
_OF_FADING = ("model", "delay_spread", "doppler", "seed")
CHANGEABLE = frozenset({"model", "snr_db", "delay_spread", "doppler", "freq_offset", "clock_ppm"})
"""Fields of the `ChannelConfig` that may change while samples pass."""
_AT_ONCE = 1 << 15  # samples whose intermediate results stay in the cache


class Channel:
    """Streams samples from a transmitter to a receiver.

    The order is that of the air: transmitter's sample clock, carrier offset and phase noise (both
    oscillators' errors, seen from the receiver), fading, noise, and then the receiver's front
    end: I/Q imbalance, ADC. Samples are numbered by the receiver's clock from 0.

    The SNR is Es/N0 per occupied subcarrier, averaged over the fading, whose mean power is 1. A
    unitary FFT leaves a white noise of power N0 per complex sample as N0 on each subcarrier, and
    gathers the signal on the occupied ones, so

        noise_power = signal_power / occupied_fraction / 10^(snr_db / 10),

    and the SNR in the whole sample band is lower by 10 log10(1 / occupied_fraction).
    """

    def __init__(
        self,
        config: ChannelConfig,
        samp_rate: float,
        signal_power: float = 1.0,
        occupied_fraction: float = 1.0,
    ):
        """Args:
        config: the channel.
        samp_rate: Hz.
        signal_power: mean |x|^2 of the transmitted samples; of the payload where packets have one.
        occupied_fraction: occupied over all subcarriers, in (0, 1].
        """
        _check_rate(config, samp_rate)
        if not (signal_power > 0 and 0 < occupied_fraction <= 1):
            raise ValueError("signal_power must be positive and occupied_fraction in (0, 1]")
        self.config = config
        self.samp_rate = samp_rate
        self._signal = signal_power, occupied_fraction
        self.noise_power = noise_power(config.snr_db, *self._signal)
        # One stream of numbers each, so that switching one effect on changes no other.
        _, phase, noise = np.random.SeedSequence(config.seed).spawn(3)
        self._noise = np.random.Generator(np.random.SFC64(noise))
        self.fading, self._fading_from = _fading(config, samp_rate), 0
        self._cycles = config.freq_offset / samp_rate
        self._clock_ppm = config.clock_ppm
        self._clock = ClockOffset(config.clock_ppm) if config.clock_ppm else None
        self._carrier = CarrierOffset(self._cycles) if config.freq_offset else None
        self._next = 0  # number of the next sample, by the receiver's clock
        self._changing = threading.Lock()
        self._changes: list[tuple[ChannelConfig, Any]] = []  # to come, with the fading where new
        self._oscillator = None
        if config.phase_noise:
            rng = np.random.Generator(np.random.SFC64(phase))
            self._oscillator = PhaseNoise(config.phase_noise, samp_rate, rng)

    def change(self, **changes: Any) -> None:
        """Be another channel from the next samples on; from any thread.

        The phase of the carrier goes on. Another fading begins with nothing on its paths, and
        another clock with an empty filter: both cost the packet that is just passing.

        Args:
            changes: of model, snr_db, delay_spread, doppler, freq_offset and clock_ppm.

        Raises:
            SettingError: out of range.
            UsageError: more than this sample rate allows.
        """
        if unknown := changes.keys() - CHANGEABLE:
            raise ValueError(f"{sorted(unknown)} cannot be changed while samples pass")
        with self._changing:
            before = self.config
            config = replace(before, **changes)
            _check_rate(config, self.samp_rate)
            # Built here, for it takes longer than samples can wait.
            anew = any(getattr(config, name) != getattr(before, name) for name in _OF_FADING)
            fading = _fading(config, self.samp_rate) if anew else None
            self._changes.append((config, fading))
            self.config = config

    def _change(self) -> None:
        """Become what `change` was asked for; in the thread of the samples."""
        while self._changes:
            config, fading = self._changes.pop(0)
            self.noise_power = noise_power(config.snr_db, *self._signal)
            if fading is not None:
                self.fading, self._fading_from = fading, self._next
            cycles = config.freq_offset / self.samp_rate
            if cycles != self._cycles:
                turns = self._carrier.turns if self._carrier else 0.0
                # Back at 0 the phase stays where it is, too.
                self._cycles, self._carrier = cycles, CarrierOffset(cycles, turns)
            if config.clock_ppm != self._clock_ppm:
                self._clock_ppm = config.clock_ppm
                self._clock = ClockOffset(config.clock_ppm) if config.clock_ppm else None

    @property
    def max_delay(self) -> float:
        """Delay of the last path over the first, s."""
        return self.fading.max_delay

    @property
    def delay(self) -> int:
        """Constant lag of the output in samples: the filters' delay, no part of the channel."""
        return self.fading.delay + (self._clock.delay if self._clock else 0)

    def frequency_response(self, n_fft: int, at_sample: int) -> np.ndarray:
        """What a receiver that has removed the carrier offset should estimate, complex128 [n_fft].

        In the order of `np.fft.fft`, at the receiver's sample `at_sample`, with the bulk delay of
        the fading but without the drift that a clock offset adds. The carrier offset moves the
        signal across the fading, which is accounted for.
        """
        return self.fading.frequency_response(n_fft, at_sample - self._fading_from, self._cycles)

    def process(self, x: np.ndarray) -> np.ndarray:
        """x: complex64 [n], any n; returns complex64, about n / (1 + clock_ppm * 1e-6) samples."""
        if self._changes:
            self._change()
        x = np.ascontiguousarray(x, np.complex64)
        parts = [self._some(x[i : i + _AT_ONCE]) for i in range(0, len(x), _AT_ONCE)]
        # Always a copy: a channel that does nothing must not hand out its caller's buffer.
        return np.concatenate([np.zeros(0, np.complex64), *parts])

    def flush(self) -> np.ndarray:
        """What the filters still hold (complex64), brought out by as much silence.

        Noise lies on it as on all else, and the stream may go on afterwards.
        """
        tail = self.fading.tail + (self._clock.tail if self._clock else 0)
        return self.process(np.zeros(tail, np.complex64))

    def _some(self, x: np.ndarray) -> np.ndarray:
        config = self.config
        if self._clock:
            x = self._clock.process(x)
        if self._carrier:
            x = self._carrier.process(x)
        if self._oscillator:
            x = self._oscillator.process(x)
        x = self.fading.process(x)
        if self.noise_power:
            x = x + complex_noise(self._noise, len(x), self.noise_power)
        if config.iq_gain_db or config.iq_phase_deg:
            x = iq_imbalance(x, config.iq_gain_db, config.iq_phase_deg)
        if config.adc_bits:
            # The receiver's gain is set for the mean power; no automatic control follows fades.
            full_scale = adc_full_scale(self._signal[0] + self.noise_power)
            x = quantise(x, config.adc_bits, full_scale)
        self._next += len(x)
        return x


def noise_power(snr_db: float | None, signal_power: float, occupied_fraction: float) -> float:
    """Noise power per complex sample for an Es/N0 per occupied subcarrier; None = 0."""
    if snr_db is None:
        return 0.0
    return signal_power / occupied_fraction / 10 ** (snr_db / 10)


def _fading(config: ChannelConfig, samp_rate: float) -> NoFading | BlockRayleigh | MultipathFading:
    if config.model == "awgn":
        return NoFading()
    seed = np.random.SeedSequence(config.seed).spawn(3)[0]
    if config.model == "rayleigh":
        coherence = COHERENT_CYCLES / config.doppler if config.doppler else math.inf
        return BlockRayleigh(samp_rate, coherence, seed)
    profile = PROFILES[config.model]
    return MultipathFading(profile, config.delay_spread, config.doppler, samp_rate, seed)


def _check_rate(config: ChannelConfig, samp_rate: float) -> None:
    if not (math.isfinite(samp_rate) and samp_rate > 0):
        raise UsageError(f"--samp-rate must be positive, not {samp_rate}")
    if abs(config.freq_offset) >= samp_rate / 2:
        raise UsageError("--freq-offset must be below half of --samp-rate")
    if config.model != "awgn" and config.doppler > samp_rate / 100:
        raise UsageError("--doppler must be at most a hundredth of --samp-rate")
