# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from percast.blocks.waveform.profile import PRESETS, open_profile
from percast.blocks.waveform.reassemble import Reassembler


def send(link, snr_db, images=10, symbols=4096, freq_offset=0.0):
    x = np.concatenate([link.burst(i, symbols) for i in range(images)])
    turns = freq_offset / link.profile.samp_rate * np.arange(len(x))
    x = (x * np.exp(2j * np.pi * turns)).astype(np.complex64)
    return x + link.noise(len(x), snr_db)


@pytest.mark.parametrize("snr_db", [10, 20])
def test_latents_lose_less_than_0_4_db(link, snr_db):
    packets = link.receive(send(link, snr_db))
    assert len(packets) == 10
    assert snr_db - link.latent_snr(packets) < 0.4


@pytest.mark.parametrize("snr_db", [10, 20])
def test_latents_lose_less_than_0_6_db_with_papr_reduction(make_link, snr_db):
    link = make_link(papr_db=8.5)
    packets = link.receive(send(link, snr_db))
    assert len(packets) == 10
    assert snr_db - link.latent_snr(packets) < 0.6


@pytest.mark.parametrize("snr_db", [0, 10, 20])
def test_the_reported_noise_variance_is_true(link, snr_db):
    packets = link.receive(send(link, snr_db))
    reported = -10 * np.log10(np.mean([p.noise_var.mean() for p in packets]))
    assert reported == pytest.approx(link.latent_snr(packets), abs=0.4)


def test_headers_decode_at_minus_three_db(link):
    packets = link.receive(send(link, -3, images=60))
    assert len(packets) >= 54


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_acquires_its_carrier_offset_range(make_link, name):
    for sign in (-1, 1):
        link = make_link(open_profile(name))
        offset = sign * link.profile.max_freq_offset
        packets = link.receive(send(link, 5, images=4, freq_offset=offset))
        assert len(packets) == 4
        assert packets[0].freq_offset == pytest.approx(offset, abs=60 * link.profile.samp_rate / 4e6)


def test_a_drifting_sample_clock_is_followed(link):
    ppm = 60.0
    x = link.burst(0, 12288)
    # Exact for this test: a band-limited signal evaluated at stretched instants by its DFT.
    n = len(x)
    spectrum = np.fft.fftshift(np.fft.fft(x))
    freqs = np.arange(n) - n // 2
    y = np.empty(n, complex)
    for i in range(0, n, 64):
        # Within 64 samples the shift is constant to 0.004 samples.
        shift = (i + 32) * ppm * 1e-6
        y[i : i + 64] = np.fft.ifft(
            np.fft.ifftshift(spectrum * np.exp(2j * np.pi * freqs * shift / n))
        )[i : i + 64]
    packets = link.receive(y.astype(np.complex64) + link.noise(n, 25))
    assert len(packets) == 1
    assert packets[0].clock_ppm == pytest.approx(ppm, abs=3)
    assert link.latent_snr(packets) > 23.5


@pytest.mark.parametrize("chunk", [1, 777, 65536])
def test_the_result_does_not_depend_on_the_chunks(make_link, chunk):
    a, b = make_link(), make_link()
    x = send(a, 5, images=3, symbols=1000, freq_offset=30e3)
    expected, found = a.receive(x, chunk=8192), b.receive(x, chunk=chunk)
    assert len(expected) == len(found) == 3
    for p, q in zip(expected, found, strict=True):
        assert p.start == q.start
        np.testing.assert_array_equal(p.symbols, q.symbols)
        np.testing.assert_array_equal(p.noise_var, q.noise_var)


def test_noise_alone_gives_nothing(link):
    assert link.receive(link.noise(3_000_000, 0), chunk=65536) == []


def test_a_dc_offset_does_no_harm(link):
    x = send(link, 15, images=8) + np.complex64(2 - 1j)
    packets = link.receive(x)
    assert len(packets) == 8
    assert link.latent_snr(packets[2:]) > 14


def test_bad_samples_are_counted_and_cost_one_packet_at_most(link):
    x = send(link, 15, images=4)
    x[5000:5010] = np.nan
    x[20000] = np.inf
    packets = link.receive(x)
    assert link.receiver.stats.bad_samples == 11
    assert len(packets) == 4
    assert all(np.isfinite(p.symbols).all() for p in packets)


def test_multipath_is_equalised_and_its_noise_known(link):
    x = send(link, 300, images=10)
    taps = np.zeros(20, np.complex64)
    taps[[0, 3, 11, 19]] = np.array([0.8, 0.5j, -0.3, 0.2]) / np.sqrt(1.02)
    y = np.convolve(x, taps)[: len(x)].astype(np.complex64)
    packets = link.receive(y + link.noise(len(y), 12))
    assert len(packets) == 10
    truth = np.fft.fft(taps, 256)[link.profile.occupied % 256]
    expected = np.mean(10 * np.log10(np.abs(truth[link.profile.data_index]) ** 2)) + 12
    found = np.mean([np.mean(-10 * np.log10(p.noise_var)) for p in packets])
    assert found == pytest.approx(expected, abs=0.3)


def test_phase_noise_is_tracked(link):
    x = send(link, 300, images=5, symbols=12288)
    steps = link.rng.standard_normal(len(x)) * np.sqrt(2 * np.pi * 20 / link.profile.samp_rate)
    y = (x * np.exp(1j * np.cumsum(steps))).astype(np.complex64)
    packets = link.receive(y + link.noise(len(y), 15))
    assert len(packets) == 5
    # 20 Hz of linewidth turn the phase by 0.76 rad over these packets.
    assert link.latent_snr(packets) > 13.5


def test_a_lost_packet_only_erases_its_symbols(link):
    x = send(link, 20, images=1, symbols=24576)
    packets = link.receive(x)
    assert len(packets) == 2
    reassembler = Reassembler(link.profile)
    assert reassembler.push(packets[1]) == []
    (image,) = reassembler.flush()
    assert image.lost_symbols == 12288
    assert np.isinf(image.noise_var).sum() == 12288
    assert (image.symbols[np.isinf(image.noise_var)] == 0).all()
    # The interleaver spreads the loss: every stretch of the latent keeps about half.
    kept = np.isfinite(image.noise_var).reshape(24, 1024).mean(1)
    assert kept.min() > 0.4 and kept.max() < 0.6


def test_a_picture_is_given_out_when_the_next_one_starts(link):
    x = send(link, 20, images=2, symbols=24576)
    first, second = link.receive(x)[:2], link.receive(np.zeros(0, np.complex64))
    assert len(first) == 2 and second == []
    reassembler = Reassembler(link.profile)
    assert reassembler.push(first[0]) == []
    later = make_packet_of_next_image(first[0])
    (image,) = reassembler.push(later)
    assert image.header.image == 0
    assert reassembler.expire(later.start + reassembler.patience + 1)[0].header.image == 1


def make_packet_of_next_image(packet):
    from dataclasses import replace

    return replace(packet, header=replace(packet.header, image=packet.header.image + 1))
