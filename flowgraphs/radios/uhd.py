# SPDX-License-Identifier: GPL-3.0-or-later
"""USRPs through gr-uhd."""

import contextlib
import math

from gnuradio import uhd

from percast.blocks.pdu import PACKET_LEN
from percast.errors import UsageError
from percast.flowgraphs.radios.config import Radio, RadioConfig, most_latency
from percast.flowgraphs.radios.frontend import BUFFER
from percast.flowgraphs.radios.hackrf_board import HackrfBoard, is_hackrf
from percast.flowgraphs.radios.safety.naming import usrps_only
from percast.flowgraphs.radios.usrp_calls import UsrpCalls

_LATENCY = 0.5  # seconds that bursts lie in buffers of host and USRP, with room to spare


class UhdFrontend(UsrpCalls):
    """One channel of a USRP; see `Frontend`.

    A receiver's local oscillator is put three quarters of the sample rate beside the carrier where
    clock and filters allow, so that its DC offset falls outside the band and is filtered away. A
    transmitter's stays on the carrier: its leakage then lies on the empty DC carrier, and not
    beside the band where it would disturb others.

    Args:
        lo_offset: Hz in place of that, None for that.
        bandwidth: that the filters were asked to have, Hz.
    """

    driver = "gr-uhd"

    def __init__(
        self, block, transmit: bool, lo_offset: float | None = None, bandwidth: float | None = None
    ):
        super().__init__(block, transmit)
        self._asked_offset, self._asked_bandwidth = lo_offset, bandwidth
        self.lo_offset = 0.0

    def set_rate(self, rate: float) -> float:
        self.block.set_samp_rate(rate)
        return self.block.get_samp_rate()

    def set_freq(self, freq: float) -> float:
        self.lo_offset = (
            self._default_offset() if self._asked_offset is None else self._asked_offset
        )
        if self.lo_offset:
            self.block.set_center_freq(uhd.tune_request(freq, self.lo_offset), 0)
            got = self.block.get_center_freq(0)
            if abs(got - freq) <= 1e3 or self._asked_offset is not None:
                return got
            self.lo_offset = 0.0  # it has no digital tuning
        self.block.set_center_freq(uhd.tune_request(freq), 0)
        return self.block.get_center_freq(0)

    def _default_offset(self) -> float:
        if self.transmit:
            return 0.0
        rate = self.block.get_samp_rate()
        try:
            room = min(self.block.get_clock_rate(0), self._asked_bandwidth or math.inf)
        except RuntimeError:
            return 0.0
        offset = 0.75 * rate
        return offset if 2 * offset + rate <= room else 0.0

    def set_bandwidth(self, bandwidth: float | None) -> float | None:
        if bandwidth is not None:
            self.block.set_bandwidth(bandwidth, 0)
        return self.block.get_bandwidth(0)

    def set_agc(self, on: bool) -> None:
        try:
            self.block.set_rx_agc(on, 0)
        except RuntimeError as error:
            raise UsageError("--agc: this radio has none; use --gain") from error

    def set_clock_source(self, name: str) -> None:
        self.block.set_clock_source(name, 0)

    def set_time_source(self, name: str) -> None:
        self.block.set_time_source(name, 0)


class HackrfFrontend(HackrfBoard, UhdFrontend):
    pass


def open_radio(config: RadioConfig, transmit: bool) -> Radio:
    """A USRP's source or sink.

    Raises:
        UsageError: a setting that this USRP does not have.
        RuntimeError and others: UHD's.
    """
    stream = uhd.stream_args(cpu_format="fc32", channels=[config.channel or 0])
    args = usrps_only(config.args)
    if transmit:
        block = uhd.usrp_sink(args, stream, str(PACKET_LEN) if config.bursts else "")
    else:
        block = uhd.usrp_source(args, stream)
        block.set_min_output_buffer(BUFFER)
    front = UhdFrontend(block, transmit, config.lo_offset, config.bandwidth)
    if not config.bursts and is_hackrf(front.stages()):
        front = HackrfFrontend(block, transmit, config.lo_offset, config.bandwidth)
    took = {"driver": front.driver, **front.set_up(config), "lo_offset": front.lo_offset}
    with contextlib.suppress(RuntimeError, LookupError):  # not all have a choice
        took |= {
            "clock_source": block.get_clock_source(0),
            "time_source": block.get_time_source(0),
        }
    return Radio(
        block,
        took,
        live=True,
        bursts=transmit and config.bursts,
        latency=_LATENCY if config.bursts else most_latency(took["samp_rate"]),
        tune=front.tune,
        gains=front.stages,
        events=transmit,
    )
