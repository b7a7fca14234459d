# SPDX-License-Identifier: GPL-3.0-or-later
"""What is warned about."""

from dataclasses import replace

import pytest

from percast.blocks.channel import ChannelConfig
from percast.blocks.channel.limits import interference, limits
from percast.blocks.channel.tdl_tables import PROFILES
from percast.blocks.waveform.profile import PRESETS


@pytest.mark.parametrize("prefix", [32, 48, 64])
def test_echoes_that_come_too_late_for_edges_and_timing_are_warned_about(prefix):
    """TDL-B of 480 ns lasts 46 samples at 20 Msps; 16 of the prefix are needed for the rest. With
    48 it loses 0.9 dB at 25 dB against 64."""
    profile = replace(PRESETS["wide-20m"], cp_len=prefix)
    config = ChannelConfig(model="tdl-b", delay_spread=480e-9)
    told = limits(config, profile)
    assert list(told) == (["delay_spread"] if prefix < 64 else [])
    if prefix == 48:
        assert "lasts 2.30 us" in told["delay_spread"] and "leaves 1.60 us" in told["delay_spread"]
        assert "25 dB below" in told["delay_spread"]


def test_late_echoes_weigh_as_much_as_their_power():
    """TDL-E's last path lies 29 dB below the others and comes 9 samples late at 4 Msps."""
    profile, config = PRESETS["standard-4m"], ChannelConfig(model="tdl-e")
    assert interference(config, profile) == pytest.approx(2 * 8.8 / 256 * 10**-2.92, rel=0.2)
    assert limits(config, profile) == {}


@pytest.mark.parametrize("model", ["awgn", "rayleigh", *PROFILES])
@pytest.mark.parametrize("preset", PRESETS)
def test_channels_as_they_come_are_warned_about_only_if_longer_than_the_prefix(model, preset):
    told = limits(ChannelConfig(model=model), PRESETS[preset])
    assert bool(told) == (model == "tdl-e" and preset == "wide-20m")
