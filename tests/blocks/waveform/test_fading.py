# SPDX-License-Identifier: GPL-3.0-or-later
"""The receiver behind the channel model, against the channel's own truth."""

import numpy as np
import pytest

from percast.blocks.channel import Channel, ChannelConfig
from percast.blocks.waveform.profile import open_profile
from percast.blocks.waveform.transmit import packet_span


def through(link, config: ChannelConfig, images: int, symbols: int):
    """Packets received, and the channel they went through."""
    p = link.profile
    channel = Channel(config, p.samp_rate, 1.0, p.occupied_fraction)
    x = np.concatenate([link.burst(i, symbols) for i in range(images)])
    x = np.concatenate([x, np.zeros(8192, np.complex64)])
    return link.receive(channel.process(x)), channel


def over_reported(link, packets) -> float:
    """Error of the latents over the noise variance that is reported of each, dB."""
    ratio = []
    for p in packets:
        h = p.header
        lo, hi = packet_span(link.profile, h.symbols, h.packets, h.packet)
        ratio.append(np.mean(np.abs(p.symbols - link.sent[h.image][lo:hi]) ** 2 / p.noise_var))
    return 10 * np.log10(np.mean(ratio))


@pytest.mark.parametrize("snr_db", [10.0, 20.0])
@pytest.mark.parametrize("offsets", [(0.0, 0.0), (20e3, 20.0)], ids=["aligned", "two radios"])
def test_latents_over_tdl_c_reach_the_channels_own_snr(make_link, snr_db, offsets):
    link = make_link(papr_db=8.5)
    config = ChannelConfig(
        model="tdl-c", snr_db=snr_db, delay_spread=300e-9, doppler=10.0,
        freq_offset=offsets[0], clock_ppm=offsets[1], seed=3,
    )  # fmt: skip
    packets, channel = through(link, config, images=25, symbols=12288)
    assert len(packets) == 25
    p = link.profile
    place = p.occupied[p.data_index] % p.fft_size
    gaps = []
    for packet in packets:
        middle = packet.start + p.packet_len(64) // 2
        truth = np.abs(channel.frequency_response(p.fft_size, middle)[place]) ** 2
        error = np.abs(packet.symbols - link.sent[packet.header.image]) ** 2
        per_carrier = error.reshape(-1, p.data_carriers).mean(0)
        gaps.append(np.mean(10 * np.log10(truth * per_carrier)) + snr_db)
    assert np.mean(gaps) < {10.0: 0.35, 20.0: 0.65}[snr_db]
    assert np.mean(gaps) > -0.2


@pytest.mark.parametrize("model", ["tdl-a", "tdl-b", "tdl-c", "tdl-d", "tdl-e", "rayleigh"])
def test_reported_noise_is_true_in_every_channel(make_link, model):
    link = make_link()
    packets, _ = through(link, ChannelConfig(model=model, snr_db=15.0, seed=1), 20, 4096)
    assert len(packets) >= 18
    assert over_reported(link, packets) == pytest.approx(0, abs=0.35)


def test_reported_noise_holds_where_the_channel_moves_between_the_pilots(make_link):
    """Eight pilots do not tell all of a change: what they leave open is noise, most at the edge."""
    link = make_link()
    config = ChannelConfig(model="tdl-c", snr_db=25.0, doppler=30.0, seed=4)
    packets, _ = through(link, config, 8, 24576)
    assert len(packets) == 16
    assert over_reported(link, packets) < 1.5  # 3.2 where it is left out


@pytest.mark.parametrize("kind", ["short", "long"])
@pytest.mark.parametrize("model", ["tdl-a", "tdl-b", "tdl-c", "tdl-d", "tdl-e"])
@pytest.mark.parametrize(("doppler", "snr_db"), [(30.0, 30.0), (100.0, 20.0)])
def test_reported_noise_holds_where_what_moves_lies_beside_a_line_of_sight(
    make_link, model, kind, doppler, snr_db
):
    """Of TDL-D 3.2 to 5.7 dB were missing, when the path that stays was taken for what moves."""
    link = make_link(open_profile().of(kind))
    config = ChannelConfig(model=model, snr_db=snr_db, doppler=doppler, seed=1)
    packets, _ = through(link, config, 16, 12288)
    assert abs(over_reported(link, packets)) < 1.3


@pytest.mark.parametrize("kind", ["short", "long"])
def test_noise_that_grows_with_the_signal_is_no_larger_behind_a_stronger_header(make_link, kind):
    """The receiver's image of the signal, 22 dB below it."""
    link = make_link(open_profile().of(kind))
    config = ChannelConfig(snr_db=30.0, iq_gain_db=1.0, iq_phase_deg=5.0, seed=5)
    packets, _ = through(link, config, 10, 4096)
    assert abs(over_reported(link, packets)) < 0.9
    snr = 10 * np.log10(np.mean([p.signal for p in packets]) / np.mean([p.noise for p in packets]))
    assert snr == pytest.approx(link.latent_snr(packets), abs=0.9)


def test_offsets_are_measured_without_bias_in_selective_fading(make_link):
    link = make_link()
    config = ChannelConfig(
        model="tdl-c", snr_db=15.0, doppler=10.0, freq_offset=-35e3, clock_ppm=20.0, seed=2
    )
    packets, _ = through(link, config, 60, 12288)
    # One packet's estimate spreads by 4 ppm, and neighbours fade alike.
    assert np.mean([p.clock_ppm for p in packets]) == pytest.approx(20, abs=2.5)
    assert np.mean([p.freq_offset for p in packets]) == pytest.approx(-35e3, abs=20)


def test_an_eight_bit_adc_costs_little(make_link):
    link = make_link(papr_db=8.5)
    packets, _ = through(link, ChannelConfig(snr_db=20.0, adc_bits=8), 10, 4096)
    assert link.latent_snr(packets) > 19.7
