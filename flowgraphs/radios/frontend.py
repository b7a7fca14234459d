# SPDX-License-Identifier: GPL-3.0-or-later
"""What all drivers have in common: one channel of a radio, set up and tuned."""

import abc
from typing import Any

from percast.errors import UsageError, one_line
from percast.flowgraphs.radios.config import Gain, RadioConfig

Range = tuple[float, float]

_DETUNED = 1e5  # Hz: more than steps of a synthesizer, and beyond what a receiver acquires
BUFFER = 1 << 17  # samples that a receiving driver's block may be ahead of the next one


class Frontend(abc.ABC):
    """One channel of an open radio.

    Args:
        block: the driver's GNU Radio block.
        transmit: the direction.
    """

    driver = ""  # the GNU Radio module

    def __init__(self, block: Any, transmit: bool):
        self.block, self.transmit = block, transmit
        self._freq: float | None = None  # where it is tuned to
        self._agc = False

    @abc.abstractmethod
    def set_rate(self, rate: float) -> float:
        """Samples/s; gives what the radio took, as the other setters do."""

    @abc.abstractmethod
    def set_freq(self, freq: float) -> float:
        """Carrier in Hz."""

    @abc.abstractmethod
    def nearest_freq(self, freq: float) -> float:
        """What the driver says that it would make of a carrier, in Hz, without tuning to it: the
        nearest of its range; the same where it does not say."""

    @abc.abstractmethod
    def stages(self) -> dict[str, Range]:
        """Gain stages with the least and the most dB that they take."""

    @abc.abstractmethod
    def set_stage(self, name: str, gain: float) -> None: ...

    @abc.abstractmethod
    def stage(self, name: str) -> float:
        """Gain in dB that a stage has now."""

    @abc.abstractmethod
    def set_total_gain(self, gain: float) -> None:
        """Spread a gain over the stages."""

    @abc.abstractmethod
    def total_range(self) -> Range:
        """The least and the most total gain."""

    @abc.abstractmethod
    def antennas(self) -> list[str]: ...

    @abc.abstractmethod
    def set_antenna(self, name: str) -> None: ...

    @abc.abstractmethod
    def antenna(self) -> str: ...

    @abc.abstractmethod
    def set_bandwidth(self, bandwidth: float | None) -> float | None:
        """Hz of the analogue filters, None for what suits the sample rate."""

    @abc.abstractmethod
    def set_agc(self, on: bool) -> None: ...

    @abc.abstractmethod
    def set_clock_source(self, name: str) -> None: ...

    @abc.abstractmethod
    def set_time_source(self, name: str) -> None: ...

    def default_gain(self) -> Gain:
        """The lowest of a transmitter, the middle of a receiver."""
        low, high = self.total_range()
        return low if self.transmit else round((low + high) / 2)

    def set_up(self, config: RadioConfig) -> dict:
        """Apply all options; gives what the radio took.

        Raises:
            UsageError: a name or a number that this radio does not have.
            Exception: what the driver throws.
        """
        for name, set_source in (("clock", self.set_clock_source), ("time", self.set_time_source)):
            if (source := getattr(config, f"{name}_source")) is not None:
                _named(f"--{name}-source {source}", set_source, source)
        took = {"samp_rate": self.set_rate(config.samp_rate)}
        took["bandwidth"] = self.set_bandwidth(config.bandwidth)
        took["freq"] = self._tuned(config.freq)
        if config.antenna is not None:
            if config.antenna not in self.antennas():
                have = ", ".join(self.antennas()) or "no choice"
                raise UsageError(f"--antenna {config.antenna}: this radio has {have}")
            self.set_antenna(config.antenna)
        took["antenna"] = self.antenna()
        if config.agc:
            self.set_agc(True)
            self._agc = True
            took["gain"] = "agc"
        else:
            took["gain"] = self.set_gain(self._first_gain(config.gain))
        return took

    def check_freq(self, freq: float) -> None:
        """Refuse a carrier before the radio is tuned to it.

        Raises:
            UsageError: it lies beyond what a transmitter tunes to. A receiver harms nobody there,
                and may tune to more than its driver says (direct sampling).
        """
        if self.transmit:
            _check_tuned(freq, self.nearest_freq(freq))

    def _tuned(self, freq: float) -> float:
        """Drivers bring a frequency into the radio's range without a word, and a transmitter that
        runs is on the air there before it can be asked where that is."""
        self.check_freq(freq)
        got = self.set_freq(freq)
        try:
            _check_tuned(freq, got)
        except UsageError:
            if self._freq is not None:
                self.set_freq(self._freq)
            raise
        self._freq = freq
        return got

    def _first_gain(self, asked: Gain | None) -> Gain:
        """What was asked, and the default of what was not."""
        default = self.default_gain()
        if asked is None:
            return default
        if isinstance(asked, dict) and isinstance(default, dict):
            given = {name.upper() for name in asked}
            return {n: g for n, g in default.items() if n.upper() not in given} | asked
        return asked

    def set_gain(self, gain: Gain) -> dict[str, float]:
        """Set a total, or stages by name; gives what all stages have then.

        Raises:
            UsageError: a stage that this radio does not have, or a gain beyond its range.
        """
        check_gain(gain, self.stages(), self.total_range())
        if isinstance(gain, dict):
            by_name = {name.upper(): name for name in self.stages()}
            for name, value in gain.items():
                self.set_stage(by_name[name.upper()], value)
        else:
            self.set_total_gain(gain)
        return {name: self.stage(name) for name in self.stages()}

    def tune(self, freq: float | None, gain: Gain | None) -> dict:
        """Change a running radio; see `Radio.tune`. Where the gain is refused, all stays as it was.

        Raises:
            UsageError: what this radio does not have, or beyond its range.
        """
        if gain is not None:
            check_gain(gain, self.stages(), self.total_range())
        took = {}
        if freq is not None:
            took["freq"] = self._tuned(freq)
        if gain is not None:
            if self._agc:  # it would go on, and undo the gain
                self.set_agc(False)
                self._agc = False
            took["gain"] = self.set_gain(gain)
        return took


def _check_tuned(freq: float, got: float | None) -> None:
    if got and abs(got - freq) > _DETUNED:
        raise UsageError(f"--freq {freq:.10g}: this radio tunes to {got:.10g} Hz instead")


def check_gain(gain: Gain, stages: dict[str, Range], total: Range) -> None:
    """Refuse a gain that a radio with these stages does not take.

    Raises:
        UsageError: a stage that it does not have, or a gain beyond its range.
    """
    if not isinstance(gain, dict):
        _check_range(f"{gain:g}", gain, total)
        return
    by_name = {name.upper(): name for name in stages}
    for name, value in gain.items():
        stage = by_name.get(name.upper())
        if stage is None:
            have = ", ".join(stages)
            raise UsageError(f"--gain {name}={value:g}: this radio's stages are {have}")
        _check_range(f"{stage}={value:g}", value, stages[stage])


def _check_range(text: str, gain: float, limits: Range) -> None:
    low, high = limits
    if not low <= gain <= high:
        raise UsageError(f"--gain {text}: this radio takes {low:g} to {high:g} dB")


def _named(text: str, setter, name: str) -> None:
    try:
        setter(name)
    except (RuntimeError, ValueError, IndexError) as error:
        raise UsageError(f"{text}: this radio refuses it ({one_line(error)})") from error
