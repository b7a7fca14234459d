# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: the loopback's channel."""

import numpy as np
from gnuradio import gr

from percast.blocks.channel import Channel, ChannelConfig
from percast.blocks.guard import Guarded, guarded
from percast.blocks.waveform.profile import Profile


class ChannelModel(Guarded, gr.basic_block):
    """Fading, noise and the impairments of two radios between two streams of samples.

    Args:
        config: the channel.
        profile: the waveform, for its sample rate and occupied share of the band.
        tx_level: mean power of a burst in dB relative to full scale, as at the modulator;
            the noise is set from it.
    """

    def __init__(self, config: ChannelConfig, profile: Profile, tx_level: float):
        gr.basic_block.__init__(self, "percast channel", [np.complex64], [np.complex64])
        self.channel = Channel(
            config, profile.samp_rate, 10 ** (tx_level / 10), profile.occupied_fraction
        )
        self._ready = np.zeros(0, np.complex64)
        self.set_min_output_buffer(1 << 16)

    def forecast(self, noutput_items, ninputs):
        return [0 if len(self._ready) else 1] * ninputs

    @guarded(returns=-1)
    def general_work(self, input_items, output_items) -> int:
        out = output_items[0]
        if not len(self._ready):
            samples = input_items[0][: len(out)]
            self._ready = self.channel.process(samples)
            self.consume(0, len(samples))
        count = min(len(out), len(self._ready))
        out[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count
