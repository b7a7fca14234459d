# SPDX-License-Identifier: GPL-3.0-or-later
"""What a perfect digital code could carry over a fading channel."""

import numpy as np

from percast.blocks.channel.channel import Channel
from percast.blocks.channel.config import ChannelConfig
from percast.blocks.waveform.profile import Profile


def outage_capacity(
    config: ChannelConfig, profile: Profile, outage: float = 0.01, packets: int = 2000
) -> float:
    """Bits per symbol at which a share `outage` of the packets is lost.

    A sender that does not know the channel must choose one rate. A packet gets through when its
    channel, still while it lasts, carries that rate: mean over carriers of log2(1 + |H|^2 SNR).

    Source: L. H. Ozarow, S. Shamai, A. D. Wyner, "Information theoretic considerations for
    cellular mobile radio", IEEE Trans. Veh. Technol. 43(2), 1994.

    Args:
        config: its fading and SNR count; the other impairments do not.
        profile: the waveform, for its carriers and sample rate.
        outage: share of packets that may be lost.
        packets: how many channels are drawn, several Doppler periods apart.

    Raises:
        ValueError: a channel that never changes has no outage to be drawn.
    """
    if not config.doppler:
        raise ValueError("the outage capacity needs a Doppler above 0")
    channel = Channel(config, profile.samp_rate, 1.0, profile.occupied_fraction)
    step = int(profile.samp_rate * 7.3 / config.doppler)
    place = profile.occupied % profile.fft_size
    snr = np.inf if config.snr_db is None else 10 ** (config.snr_db / 10)
    responses = (channel.frequency_response(profile.fft_size, i * step) for i in range(packets))
    rates = [np.mean(np.log2(1 + snr * np.abs(h[place]) ** 2)) for h in responses]
    return float(np.quantile(rates, outage))
