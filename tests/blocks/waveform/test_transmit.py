# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from scipy import signal

from percast.blocks.channel.impairments import complex_noise
from percast.blocks.waveform import transmit
from percast.blocks.waveform.coding.interleaver import deinterleave, interleave
from percast.blocks.waveform.formats.kinds import KINDS
from percast.blocks.waveform.ofdm import to_samples
from percast.blocks.waveform.papr import clip_and_filter
from percast.blocks.waveform.preamble import pilot_values, preamble
from percast.blocks.waveform.profile import PRESETS, open_profile
from percast.blocks.waveform.transmit import (
    DEFAULT_PAPR_DB,
    modulate,
    packet_span,
    packets_needed,
)
from percast.errors import UsageError


@pytest.mark.parametrize("profile", PRESETS.values(), ids=lambda p: p.name)
def test_a_preset_has_an_empty_dc_carrier_and_symmetric_occupation(profile):
    assert 0 not in profile.occupied
    assert np.array_equal(profile.occupied, -profile.occupied[::-1])
    assert len(profile.data_index) == profile.data_carriers
    assert len(profile.pilot_index) == 2 * len(profile.pilots)


@pytest.mark.parametrize("profile", PRESETS.values(), ids=lambda p: p.name)
def test_two_20_ppm_radios_at_2_4_ghz_are_within_the_acquisition_range(profile):
    assert profile.max_freq_offset > 2 * 20e-6 * 2.4e9


def test_an_unknown_profile_names_the_known_ones():
    with pytest.raises(UsageError, match="standard-4m"):
        open_profile("fast")


def test_carriers_come_back_through_modulation(link):
    p = link.profile
    carriers = complex_noise(link.rng, 5 * len(p.occupied)).reshape(5, -1)
    samples = to_samples(p, carriers, p.cp_len)
    assert samples.dtype == np.complex64
    np.testing.assert_allclose(samples[:, : p.cp_len], samples[:, -p.cp_len :])
    bins = np.fft.fft(samples[:, p.cp_len :], axis=1)[:, p.occupied % p.fft_size]
    back = bins * (np.sqrt(len(p.occupied)) / p.fft_size)
    np.testing.assert_allclose(back, carriers, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_before_the_payload_has_the_power_of_its_kind_and_the_payload_one(
    make_link, kind
):
    link = make_link(open_profile().of(kind), papr_db=DEFAULT_PAPR_DB)
    p, boost = link.profile, 10 ** (KINDS[kind].boost_db / 10)
    packet = link.burst(symbols=12288)
    packet = packet[np.flatnonzero(packet)[0] :]
    short, body = packet[p.window : p.short_len], packet[p.preamble_len :]
    long = packet[: p.preamble_len][-p.training_symbols * p.fft_size :]
    header, body = np.split(body[: len(body) // p.symbol_len * p.symbol_len],
                            [p.header_symbols * p.symbol_len])  # fmt: skip
    power = [np.mean(np.abs(x) ** 2) for x in (short, long, header, body)]
    np.testing.assert_allclose(power[:2], boost, rtol=2e-3)
    assert power[2] == pytest.approx(boost, rel=0.04)  # prefixes are a random part of it
    assert power[3] == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("preset", PRESETS)
def test_known_parts_peak_below_the_payloads_envelope_limit(preset, kind):
    """Between the samples too. Header symbols are clipped at that very level."""
    p = open_profile(preset).of(kind)
    head = preamble(p)
    between = signal.resample_poly(head, 8, 1, window=("kaiser", 8.0))
    assert 20 * np.log10(np.abs(between).max()) < DEFAULT_PAPR_DB - 0.9


def test_a_boosted_header_is_clipped_deeper_keeps_its_power_and_peaks_no_higher_than_payload(link):
    """QPSK bears the clipping noise, and the receiver, which knows the header, makes it again."""
    p = link.profile
    headers = [link.header(image=i) for i in range(100)]
    sent = np.concatenate([transmit.header_as_sent(p, h) for h in headers])
    assert np.mean(np.abs(sent) ** 2) == pytest.approx(1, rel=1e-3)
    pilots = np.stack([pilot_values(p)[: p.header_symbols]] * 100).reshape(300, -1)
    error = np.mean(np.abs(sent[:, p.pilot_index] - pilots) ** 2)
    assert 20 < -10 * np.log10(error) < 23
    payload = complex_noise(link.rng, sent.size).reshape(sent.shape)
    payload = clip_and_filter(p, payload, DEFAULT_PAPR_DB)
    both = (np.abs(to_samples(p, x)) for x in (p.head_amplitude * sent, payload))
    header_peaks, payload_peaks = (np.sort(x.ravel())[-30:] for x in both)
    assert header_peaks.mean() < 1.02 * payload_peaks.mean()


def papr(samples: np.ndarray) -> float:
    """Peak-to-average power ratio of complex samples [n], dB."""
    power = np.abs(samples) ** 2
    return float(10 * np.log10(power.max() / power.mean()))


@pytest.mark.parametrize(("limit", "stated"), [(7.0, 32.5), (8.5, 42.6)])
def test_clipping_costs_the_evm_that_is_stated(link, limit, stated):
    p = link.profile
    carriers = complex_noise(link.rng, 6000 * len(p.occupied)).reshape(6000, -1)
    clipped = clip_and_filter(p, carriers, limit)
    gain = np.vdot(carriers, clipped) / np.vdot(carriers, carriers)
    error = np.mean(np.abs(clipped - gain * carriers) ** 2)
    assert np.mean(np.abs(clipped) ** 2) == pytest.approx(np.mean(np.abs(carriers) ** 2), rel=1e-3)
    assert -10 * np.log10(error) == pytest.approx(stated, abs=1.0)
    assert papr(to_samples(p, clipped).ravel()) < papr(to_samples(p, carriers).ravel()) - 1
    assert papr(to_samples(p, clipped).ravel()) < limit + 1.6


def test_nothing_is_sent_outside_the_occupied_band(link):
    p = link.profile
    carriers = complex_noise(link.rng, 20 * len(p.occupied)).reshape(20, -1)
    samples = to_samples(p, clip_and_filter(p, carriers, 7.0))
    spectrum = np.abs(np.fft.fft(samples, axis=1)) ** 2
    outside = np.ones(p.fft_size, bool)
    outside[p.occupied % p.fft_size] = False
    assert spectrum[:, outside].max() < 1e-8 * spectrum.mean()


@pytest.mark.parametrize("symbols", [1, 64, 191, 192, 4096, 12288, 12289, 24576, 100_003])
def test_packets_cover_every_symbol_once(link, symbols):
    p = link.profile
    count = packets_needed(p, symbols)
    spans = [packet_span(p, symbols, count, i) for i in range(count)]
    assert spans[0][0] == 0 and spans[-1][1] == symbols
    assert all(a[1] == b[0] for a, b in zip(spans, spans[1:], strict=False))
    assert all(0 < hi - lo <= p.data_carriers * p.max_payload_symbols for lo, hi in spans)
    latent = np.ones(symbols, np.complex64)
    packets = list(modulate(p, link.header(symbols=symbols), latent))
    assert len(packets) == count


def test_interleaving_is_undone_and_spreads_neighbours(link):
    latent = complex_noise(link.rng, 5000)
    on_air = interleave(latent, 9)
    back, variance = deinterleave(on_air, np.arange(5000, dtype=np.float32), 9)
    np.testing.assert_array_equal(back, latent)
    positions = variance[:100]  # where on the air the first hundred latents travelled
    assert np.abs(np.diff(positions)).mean() > 1000
    assert not np.array_equal(interleave(latent, 10), on_air)
