# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrier and sample clocks that disagree, up to what `channel.limits` allows."""

import numpy as np
import pytest

from percast.blocks.channel import Channel, ChannelConfig
from percast.blocks.waveform.profile import PRESETS, WaveformConfig
from percast.blocks.waveform.track import MAX_CLOCK_PPM


def through(link, symbols: int, pictures: int, **impaired):
    p = link.profile
    config = ChannelConfig(**{"snr_db": 15.0} | impaired)
    air = Channel(config, p.samp_rate, 1.0, p.occupied_fraction)
    sent = [link.burst(i, symbols) for i in range(pictures)]
    return link.receive(air.process(np.concatenate([*sent, np.zeros(9000, np.complex64)])))


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("symbols", [900, 4096, 24_576])
@pytest.mark.parametrize("header", ["short", "long"])
@pytest.mark.parametrize(
    ("preset", "prefix"), [*((name, None) for name in PRESETS), ("standard-4m", 128)]
)
def test_the_worst_clocks_cost_little_and_are_told(
    make_link, preset, prefix, header, symbols, sign
):
    """From 80 ppm on the carrier used to be sought in pilots that had turned apart."""
    link = make_link(WaveformConfig(preset, None, header, prefix).open())
    ppm, offset = sign * MAX_CLOCK_PPM, -0.2 * link.profile.max_freq_offset
    pictures = 2 if symbols > 1000 else 12
    packets = through(link, symbols, pictures, clock_ppm=ppm, freq_offset=offset)
    assert len({p.header.image for p in packets}) == pictures
    assert link.latent_snr(packets) > 14.55
    if symbols > 1000:
        assert [p.clock_ppm for p in packets] == pytest.approx([ppm] * len(packets), abs=6)
        near = 0.002 * link.profile.samp_rate / link.profile.fft_size
        assert [p.freq_offset for p in packets] == pytest.approx([offset] * len(packets), abs=near)


@pytest.mark.parametrize("ppm", [0.0, 60.0, 120.0])
def test_the_clock_is_told_without_bias(make_link, ppm):
    packets = through(make_link(), 12_288, 30, clock_ppm=ppm)
    assert np.mean([p.clock_ppm for p in packets]) == pytest.approx(ppm, abs=0.5)


def test_the_carrier_is_told_for_the_middle_of_the_band_wherever_its_power_lies(make_link):
    """A clock that is off moves the carriers that arrive best, and not carrier 0."""
    link = make_link()
    for seed in range(4):
        air = {"model": "tdl-a", "doppler": 0.0, "seed": seed, "clock_ppm": 150.0, "snr_db": 25.0}
        packets = through(link, 12_288, 1, **air)
        assert [p.freq_offset for p in packets] == pytest.approx([0.0] * len(packets), abs=6)
