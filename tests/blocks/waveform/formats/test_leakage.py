# SPDX-License-Identifier: GPL-3.0-or-later
"""What falls beside the band: as stated, and less than without windowed edges."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import welch

from percast.blocks.channel import Channel, ChannelConfig
from percast.blocks.waveform.formats.kinds import KINDS, SHORT
from percast.blocks.waveform.formats.leakage import emission, stated
from percast.blocks.waveform.profile import PRESETS, open_profile


def measured(link):
    """Of packets as they are sent, clipped and filtered, with their silences."""
    x = np.concatenate([link.burst(i, 12288) for i in range(8)])
    _, power = welch(x, 1.0, "blackmanharris", 4096, return_onesided=False, detrend=False)
    return stated(link.profile, np.fft.fftshift(power) / power.sum())


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("kind", ["long", "short"])
def test_the_spectrum_is_as_stated_and_far_leakage_ten_db_below_version_1(make_link, preset, kind):
    profile = open_profile(preset).of(kind)
    told = emission(profile)
    found = measured(make_link(profile, papr_db=8.5))
    assert found.leakage_db == pytest.approx(told.leakage_db, abs=1)
    assert found.adjacent_db == pytest.approx(told.adjacent_db, abs=0.5)
    assert found.occupied_99_hz == pytest.approx(told.occupied_99_hz, rel=5e-3)
    before = measured(make_link(profile.of("version-1"), papr_db=8.5))
    assert found.leakage_db < before.leakage_db - 10
    assert found.adjacent_db < before.adjacent_db - 1.5


@pytest.mark.parametrize("model", ["awgn", "tdl-c"])
def test_windowed_edges_cost_no_latent_snr(make_link, monkeypatch, model):
    monkeypatch.setitem(KINDS, "plain", replace(SHORT, name="plain", window=0))
    config = ChannelConfig(model=model, snr_db=20.0, doppler=0.1, seed=4)
    snr = {}
    for kind in ("plain", "short"):
        link = make_link(open_profile().of(kind), papr_db=8.5)
        p = link.profile
        link.receiver = type(link.receiver)(open_profile())
        channel = Channel(config, p.samp_rate, 1.0, p.occupied_fraction)
        x = np.concatenate([link.burst(i, 12288) for i in range(10)])
        packets = link.receive(channel.process(np.append(x, np.zeros(8192, np.complex64))))
        assert len(packets) == 10
        snr[kind] = link.latent_snr(packets)
    assert snr["short"] > snr["plain"] - 0.05
