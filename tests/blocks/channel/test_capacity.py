# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest

from percast.blocks.channel import ChannelConfig
from percast.blocks.channel.capacity import outage_capacity
from percast.blocks.waveform.profile import open_profile


def test_a_still_channel_carries_shannons_capacity():
    config = ChannelConfig(model="awgn", snr_db=10.0)
    assert outage_capacity(config, open_profile()) == pytest.approx(math.log2(11))


def test_flat_rayleigh_fading_has_the_textbook_outage():
    config = ChannelConfig(model="rayleigh", snr_db=10.0)
    textbook = math.log2(1 - 10 * math.log(0.9))
    assert outage_capacity(config, open_profile(), 0.1) == pytest.approx(textbook, rel=0.1)


def test_frequency_diversity_helps():
    flat = outage_capacity(ChannelConfig(model="rayleigh"), open_profile())
    assert outage_capacity(ChannelConfig(model="tdl-c"), open_profile()) > 3 * flat
