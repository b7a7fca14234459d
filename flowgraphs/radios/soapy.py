# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever SoapySDR drives, through gr-soapy."""

from gnuradio import soapy

from percast.errors import UsageError
from percast.flowgraphs.radios.config import Radio, RadioConfig, most_latency
from percast.flowgraphs.radios.frontend import BUFFER, Frontend, Range
from percast.flowgraphs.radios.hackrf_board import HackrfBoard, is_hackrf
from percast.flowgraphs.radios.safety.naming import check_given


class SoapyFrontend(Frontend):
    """One channel of a gr-soapy block; see `Frontend`."""

    driver = "gr-soapy"

    def set_rate(self, rate: float) -> float:
        self.block.set_sample_rate(0, rate)
        return self.block.get_sample_rate(0)

    def set_freq(self, freq: float) -> float:
        self.block.set_frequency(0, freq)
        return self.block.get_frequency(0)

    def nearest_freq(self, freq: float) -> float:
        ranges = self.block.get_frequency_range(0)
        near = (min(max(freq, r.minimum()), r.maximum()) for r in ranges)
        return min(near, key=lambda f: abs(f - freq), default=freq)

    def stages(self) -> dict[str, Range]:
        ranges = {name: self.block.get_gain_range(0, name) for name in self.block.list_gains(0)}
        return {name: (r.minimum(), r.maximum()) for name, r in ranges.items()}

    def set_stage(self, name: str, gain: float) -> None:
        self.block.set_gain(0, name, gain)

    def stage(self, name: str) -> float:
        return self.block.get_gain(0, name)

    def set_total_gain(self, gain: float) -> None:
        self.block.set_gain(0, gain)

    def total_range(self) -> Range:
        limits = self.block.get_gain_range(0)
        return limits.minimum(), limits.maximum()

    def antennas(self) -> list[str]:
        return list(self.block.list_antennas(0))

    def set_antenna(self, name: str) -> None:
        self.block.set_antenna(0, name)

    def antenna(self) -> str:
        return self.block.get_antenna(0)

    def set_bandwidth(self, bandwidth: float | None) -> float | None:
        if bandwidth is not None:
            self.block.set_bandwidth(0, bandwidth)
        return self.block.get_bandwidth(0) or None

    def set_agc(self, on: bool) -> None:
        if not self.block.has_gain_mode(0):
            raise UsageError("--agc: this radio has none; use --gain")
        self.block.set_gain_mode(0, on)

    def set_clock_source(self, name: str) -> None:
        self.block.set_clock_source(name)

    def set_time_source(self, name: str) -> None:
        self.block.set_time_source(name)


class HackrfFrontend(HackrfBoard, SoapyFrontend):
    pass


def make_block(args: str, transmit: bool, stream_args: str = ""):
    """A block for the first channel.

    Raises:
        RuntimeError, ValueError: gr-soapy's.
    """
    make = soapy.sink if transmit else soapy.source
    block = make(args, "fc32", 1, "", stream_args, [""], [""])
    if not transmit:
        block.set_min_output_buffer(BUFFER)
    return block


def open_radio(config: RadioConfig, transmit: bool) -> Radio:
    """A source or sink.

    Raises:
        UsageError: a setting that this radio does not have.
        DeviceError: `--args` names none.
        RuntimeError, ValueError: gr-soapy's.
    """
    check_given(config, "driver=hackrf")
    if config.channel:
        raise UsageError(f"--channels {config.channel}: --device soapy has channel 0 only")
    front = SoapyFrontend(make_block(config.args, transmit), transmit)
    if is_hackrf(front.stages()):
        front = HackrfFrontend(front.block, transmit)
    took = {"driver": front.driver, **front.set_up(config)}
    latency = most_latency(took["samp_rate"])
    return Radio(front.block, took, live=True, latency=latency, tune=front.tune, gains=front.stages)
