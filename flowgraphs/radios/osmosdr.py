# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever gr-osmosdr drives."""

import osmosdr

from percast.errors import UsageError
from percast.flowgraphs.radios.config import Radio, RadioConfig, most_latency
from percast.flowgraphs.radios.frontend import BUFFER
from percast.flowgraphs.radios.hackrf_board import HackrfBoard, is_hackrf
from percast.flowgraphs.radios.safety.naming import check_given, fields, usrps_only
from percast.flowgraphs.radios.usrp_calls import UsrpCalls


class OsmosdrFrontend(UsrpCalls):
    """The first channel of a gr-osmosdr block; see `Frontend`."""

    driver = "gr-osmosdr"

    def set_rate(self, rate: float) -> float:
        return self.block.set_sample_rate(rate)

    def set_freq(self, freq: float) -> float:
        return self.block.set_center_freq(freq, 0)

    def default_gain(self) -> dict[str, float]:
        # The "total" of some of its drivers is one stage, and the others would stay as they were.
        middle = 0.0 if self.transmit else 0.5
        return {name: lo + round(middle * (hi - lo)) for name, (lo, hi) in self.stages().items()}

    def set_bandwidth(self, bandwidth: float | None) -> float | None:
        return self.block.set_bandwidth(bandwidth or 0.0, 0) or None

    def set_agc(self, on: bool) -> None:
        if self.block.set_gain_mode(on, 0) != on:
            raise UsageError("--agc: this radio has none; use --gain")

    def set_clock_source(self, name: str) -> None:
        self.block.set_clock_source(name)

    def set_time_source(self, name: str) -> None:
        self.block.set_time_source(name)


class HackrfFrontend(HackrfBoard, OsmosdrFrontend):
    """Behind gr-osmosdr's own driver; behind the one for SoapySDR the stages keep their names."""

    @property
    def renamed(self) -> bool:
        return not is_hackrf(OsmosdrFrontend.stages(self))


def make_block(args: str, transmit: bool):
    """A block for one channel.

    Raises:
        RuntimeError: gr-osmosdr's.
    """
    make = osmosdr.sink if transmit else osmosdr.source
    block = make(args=f"numchan=1 {args}")
    if not transmit:
        block.set_min_output_buffer(BUFFER)
    return block


def open_radio(config: RadioConfig, transmit: bool) -> Radio:
    """A source or sink.

    Raises:
        UsageError: a setting that this radio does not have.
        DeviceError: `--args` names none. Left to choose, gr-osmosdr 0.2.4 takes any device of any
            of its drivers, and has crashed on that.
        RuntimeError: gr-osmosdr's.
    """
    check_given(config, "hackrf=0 or rtl=0")
    if config.channel:
        raise UsageError(f"--channels {config.channel}: --device osmosdr has channel 0 only")
    given = fields(config.args)
    args = usrps_only(config.args) if "uhd" in given else config.args.strip()
    front = OsmosdrFrontend(make_block(args, transmit), transmit)
    if "hackrf" in given or is_hackrf(front.stages()):
        front = HackrfFrontend(front.block, transmit)
    took = {"driver": front.driver, **front.set_up(config)}
    latency = most_latency(took["samp_rate"])
    return Radio(front.block, took, live=True, latency=latency, tune=front.tune, gains=front.stages)
