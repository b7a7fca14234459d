# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: the loopback's channel."""

import logging

import numpy as np
import pmt
from gnuradio import gr

from percast.blocks.channel import Channel, ChannelConfig
from percast.blocks.channel.impairments import saturate
from percast.blocks.guard import Guarded, guarded
from percast.blocks.pdu import END
from percast.blocks.waveform.profile import Profile

log = logging.getLogger(__name__)


class ChannelModel(Guarded, gr.basic_block):
    """Fading, noise and the impairments of two radios between two streams of samples. What lies
    beyond full scale is clipped, as by the sender's converter, and told once.

    Args:
        config: the channel.
        profile: the waveform, for its sample rate and occupied share of the band.
        tx_level: mean power of a packet's payload in dB relative to full scale, as at the
            modulator; the noise is set from it.

    The end tag goes on to the last sample that is out when it comes in; the channel's own delay
    (`Channel.delay`) stays behind it, so senders end with silence.
    """

    def __init__(self, config: ChannelConfig, profile: Profile, tx_level: float):
        gr.basic_block.__init__(self, "percast channel", [np.complex64], [np.complex64])
        self.channel = Channel(
            config, profile.samp_rate, 10 ** (tx_level / 10), profile.occupied_fraction
        )
        self._ready = np.zeros(0, np.complex64)
        self._ending = self._warned = False
        self.set_tag_propagation_policy(gr.TPP_DONT)
        # While nothing comes in the scheduler asks `forecast` for half as much, and half of that,
        # down to this: every time a call into Python.
        self.set_output_multiple(1 << 12)
        self.set_min_output_buffer(1 << 15)

    def forecast(self, noutput_items, ninputs):
        return [0 if len(self._ready) else 1] * ninputs

    @guarded(returns=-1)
    def general_work(self, input_items, output_items) -> int:
        out = output_items[0]
        if not len(self._ready):
            samples = input_items[0][: len(out)]
            first = self.nitems_read(0)
            self._ending = bool(self.get_tags_in_range(0, first, first + len(samples), END))
            self._ready = self.channel.process(self._converted(samples))
            self.consume(0, len(samples))
        count = min(len(out), len(self._ready))
        out[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        if self._ending and not len(self._ready):
            self.add_item_tag(0, self.nitems_written(0) + count - 1, END, pmt.PMT_T)
        return count

    def _converted(self, samples: np.ndarray) -> np.ndarray:
        """As they leave the sender."""
        samples, beyond = saturate(samples)
        if beyond and not self._warned:
            self._warned = True
            log.warning(
                "%.2g%% of the sent values lie beyond full scale and are clipped, as they would be "
                "on the air: lower --tx-level",
                100 * beyond,
            )
        return samples
