# SPDX-License-Identifier: GPL-3.0-or-later
"""Gains and filters of a HackRF, whatever driver it is reached through."""

from percast.errors import UsageError
from percast.flowgraphs.radios.frontend import Frontend, Range

# By https://hackrf.readthedocs.io/en/latest/setting_gain.html; gr-osmosdr's names beside them.
_RECEIVE = {"AMP": ("RF", 0.0, 14.0), "LNA": ("IF", 0.0, 40.0), "VGA": ("BB", 0.0, 62.0)}
_TRANSMIT = {"AMP": ("RF", 0.0, 14.0), "VGA": ("IF", 0.0, 47.0)}

# Hz, of the MAX2837: https://hackrf.readthedocs.io/en/latest/sampling_rate.html
_FILTERS = (1.75e6, 2.5e6, 3.5e6, 5e6, 5.5e6, 6e6, 7e6, 8e6, 9e6, 10e6, 12e6, 14e6, 15e6, 20e6,
            24e6, 28e6)  # fmt: skip
# Hz: what the board tunes to (specified from 1 MHz to 6 GHz), and the sample rates that it makes:
# https://hackrf.readthedocs.io/en/latest/hackrf_one.html
_LIMITS = {"freq": (1e6, 7.25e9), "samp_rate": (2e6, 20e6), "bandwidth": (1.75e6, 28e6)}
_OCCUPIED = 0.8  # of the sample rate: a little more than the waveform takes


class HackrfBoard(Frontend):
    """Mixin of a `Frontend`: the board's own gain stages and filters.

    Neither a default nor a total gain switches the amplifier on: its input does not survive strong
    signals. The filters that the drivers choose would cut off the outer carriers.
    """

    renamed = False  # the driver has names of its own for the gain stages

    def set_rate(self, rate: float) -> float:
        check_limits(samp_rate=rate)
        self._rate = super().set_rate(rate)
        return self._rate

    def check_freq(self, freq: float) -> None:
        check_limits(freq=freq)

    def set_bandwidth(self, bandwidth: float | None) -> float | None:
        check_limits(bandwidth=bandwidth)
        wide = (f for f in _FILTERS if f >= _OCCUPIED * self._rate)
        return super().set_bandwidth(bandwidth or next(wide, _FILTERS[-1]))

    def set_agc(self, on: bool) -> None:
        # Some drivers would take it, and do nothing.
        raise UsageError("--agc: a HackRF has none; use --gain")

    def stages(self) -> dict[str, Range]:
        return board_stages(self.transmit)

    def set_stage(self, name: str, gain: float) -> None:
        super().set_stage(self._driver_name(name), gain)

    def stage(self, name: str) -> float:
        return super().stage(self._driver_name(name))

    def _driver_name(self, name: str) -> str:
        return _stages(self.transmit)[name][0] if self.renamed else name

    def total_range(self) -> Range:
        return board_total(self.transmit)

    def set_total_gain(self, gain: float) -> None:
        self.set_stage("AMP", 0)
        lna = 0.0
        if not self.transmit:
            # LNA in steps of 8 dB, VGA of 2 dB; half each, as the board's makers advise.
            lna = min(40.0, 8 * (gain // 16))
            if gain - lna > 62:
                lna = 40.0
            self.set_stage("LNA", lna)
        self.set_stage("VGA", gain - lna)

    def default_gain(self) -> dict[str, float]:
        if self.transmit:
            return {"AMP": 0, "VGA": 0}
        return {"AMP": 0, "LNA": 16, "VGA": 20}

    def antennas(self) -> list[str]:
        return ["TX/RX"]


def _stages(transmit: bool) -> dict[str, tuple[str, float, float]]:
    return _TRANSMIT if transmit else _RECEIVE


def board_stages(transmit: bool) -> dict[str, Range]:
    """See `Frontend.stages`."""
    return {name: (low, high) for name, (_, low, high) in _stages(transmit).items()}


def board_total(transmit: bool) -> Range:
    """See `Frontend.total_range`; without the amplifier."""
    return 0.0, 47.0 if transmit else 102.0


def check_limits(**values: float | None) -> None:
    """Refuse what no HackRF can be set to; drivers take some of it without a word.

    Args:
        values: freq, samp_rate and bandwidth in Hz, None for what is not asked.

    Raises:
        UsageError: naming the option and its range.
    """
    for name, value in values.items():
        low, high = _LIMITS[name]
        if value is not None and not low <= value <= high:
            raise UsageError(
                f"--{name.replace('_', '-')} {value:.10g}: "
                f"a HackRF takes {low:.10g} to {high:.10g} Hz"
            )


def is_hackrf(stages: dict[str, Range]) -> bool:
    """Whether a radio with these gain stages is a HackRF behind a driver for many radios."""
    return set(stages) in (set(_RECEIVE), set(_TRANSMIT))
