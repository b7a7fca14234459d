# SPDX-License-Identifier: GPL-3.0-or-later
"""What else is on the air: tones, other signals, bursts, other transmitters, silence."""

from dataclasses import replace

import numpy as np
import pytest

from percast.blocks.channel.impairments import complex_noise
from percast.blocks.waveform.profile import open_profile
from percast.blocks.waveform.reassemble import Reassembler
from percast.blocks.waveform.receive import Receiver
from percast.blocks.waveform.stream.tones import ToneNotch

MINUTE = 240_000_000  # samples


def bursts(link, first, count, symbols=4096):
    return np.concatenate([link.burst(i, symbols) for i in range(first, first + count)])


def tone(freq, db, n):
    return (10 ** (db / 20) * np.exp(2j * np.pi * freq * np.arange(n))).astype(np.complex64)


def other_ofdm(rng, n, fft_size=64, cp_len=16, carriers=52):
    """QPSK-OFDM of power 1 with the numbers of IEEE 802.11a unless told otherwise."""
    rows = n // (fft_size + cp_len) + 1
    grid = np.zeros((rows, fft_size), np.complex64)
    used = np.r_[-carriers // 2 : 0, 1 : carriers // 2 + 1]
    bits = rng.choice(np.array([-1, 1], np.float32), (2, rows, carriers))
    grid[:, used] = (bits[0] + 1j * bits[1]) / np.sqrt(2)
    time = np.fft.ifft(grid, axis=1) * fft_size / np.sqrt(carriers)
    whole = np.concatenate([time[:, -cp_len:], time], axis=1).ravel()[:n]
    return whole.astype(np.complex64)


@pytest.mark.parametrize("db", [0, 10, 20])
@pytest.mark.parametrize("freq", [0.0371, -0.125, 20.5 / 256, 0.3501, 0.45])
def test_a_steady_tone_is_learnt_and_taken_out(link, freq, db):
    """Before it is known it costs what arrives within 15 ms, afterwards some 1 dB."""
    x = bursts(link, 0, 20)
    packets = link.receive(x + link.noise(len(x), 15) + tone(freq, db, len(x)))
    received = [p.header.image for p in packets]
    assert received[-15:] == list(range(5, 20))
    assert 15 - link.latent_snr(packets[-15:]) < 1.3


def test_a_tone_may_come_and_go(link):
    x = bursts(link, 0, 30)
    n = len(x) // 3
    x[n : 2 * n] += tone(0.21, 20, n)
    received = [p.header.image for p in link.receive(x + link.noise(len(x), 15))]
    assert len(received) >= 23 and set(range(10)) <= set(received)
    assert set(range(22, 30)) <= set(received)


@pytest.mark.parametrize("db", [-12, -7, -3, 0, 20, 50])
def test_a_tone_alone_makes_little_work_and_no_packet(link, db):
    n = 2_000_000
    x = complex_noise(link.rng, n) + tone(0.0371, db, n)
    assert link.receive(x, chunk=32768) == []
    # One in 640 samples is what a search that believes every tone comes to.
    assert link.receiver.stats.detections < n / 640 / 10
    assert link.receiver.stats.headers_lost <= 2


def test_a_wandering_narrow_signal_is_no_preamble(link):
    """A frequency-modulated voice, 5 kHz wide at 4 Msps: no tone to notch, and no packet."""
    n = 1_000_000
    phase = 1.5 * np.sin(2 * np.pi * 1e3 / 4e6 * np.arange(n)) + 2 * np.pi * 0.11 * np.arange(n)
    x = 10 * np.exp(1j * phase).astype(np.complex64) + complex_noise(link.rng, n)
    assert link.receive(x, chunk=32768) == []
    assert link.receiver.stats.detections < n / 640 / 5  # short parts of two lengths are sought


def test_short_parts_that_come_in_step_with_the_search_for_tones_are_left_alone(link):
    """At worst every look falls on a preamble in silence; a notch costs a carrier then."""
    period = 4 * 4096
    x = np.zeros(40 * period, np.complex64)
    for i in range(40):
        packet = link.burst(i, 192)[100:]
        packet = packet[np.flatnonzero(packet)[0] :]
        x[i * period + 3000 : i * period + 3000 + len(packet)] = packet
    packets = link.receive(x + link.noise(len(x), 20))
    assert len(packets) == 40
    assert link.latent_snr(packets) > 18.5


def test_two_tones_are_taken_out(link):
    x = bursts(link, 0, 20)
    x += tone(0.0371, 20, len(x)) + tone(-0.3, 13, len(x))
    packets = link.receive(x + link.noise(len(x), 15))
    assert [p.header.image for p in packets][-14:] == list(range(6, 20))
    assert link.latent_snr(packets[-14:]) > 13


def test_the_notch_does_not_depend_on_the_chunks():
    rng = np.random.default_rng(0)
    x = complex_noise(rng, 200_000) + tone(0.2, 10, 200_000)
    whole, parts = ToneNotch(), ToneNotch()
    cuts = np.sort(rng.integers(0, len(x), 90))
    expected = whole.process(x)
    np.testing.assert_array_equal(
        np.concatenate([parts.process(p) for p in np.split(x, cuts)]), expected
    )
    assert abs(whole.freqs[0] - 0.2) < 1e-5
    assert np.mean(np.abs(expected[-50_000:]) ** 2) < 1.05


@pytest.mark.parametrize("numbers", [(64, 16, 52), (1024, 128, 600), (256, 32, 200)])
def test_another_ofdm_signal_is_noise(long_link, numbers):
    """As strong as ours it lowers the SNR to 0 dB; alone it is nothing at all."""
    link = long_link
    x = bursts(link, 0, 10)
    packets = link.receive(x + other_ofdm(link.rng, len(x), *numbers))
    assert len(packets) == 10
    assert link.latent_snr(packets) == pytest.approx(0, abs=1.2)
    alone = other_ofdm(link.rng, 1_000_000, *numbers)
    before = link.receiver.stats.detections
    assert link.receive(alone, chunk=32768) == []
    assert link.receiver.stats.detections - before < 20
    again = bursts(link, 10, 4)
    assert len(link.receive(again + link.noise(len(again), 15))) == 4


def test_bursts_of_noise_cost_what_they_hit(link):
    """20 dB above the signal, 200 samples in every 8,000: each packet is hit once or twice."""
    x = bursts(link, 0, 40)
    on = np.arange(len(x)) % 8000 < 200
    packets = link.receive(x + link.noise(len(x), 15) + 10 * complex_noise(link.rng, len(x)) * on)
    assert len(packets) >= 28
    # Where they hit is known: what the noise variance calls clean is clean.
    clean, errors = [], []
    for p in packets:
        clean.append(p.noise_var < 0.1)
        errors.append(np.abs(p.symbols - link.sent[p.header.image]) ** 2)
    clean, errors = np.concatenate(clean), np.concatenate(errors)
    assert clean.mean() > 0.85
    assert -10 * np.log10(errors[clean].mean()) > 12
    calm = bursts(link, 100, 5)
    assert len(link.receive(calm + link.noise(len(calm), 15))) == 5


def test_a_receiver_that_joins_in_the_middle_gets_all_that_follows(link, make_link):
    x = bursts(link, 0, 6)
    x = x + link.noise(len(x), 15)
    starts = [p.start for p in link.receive(x)]
    for cut in np.random.default_rng(0).integers(0, starts[2], 12):
        late = make_link()
        received = [p.header.image for p in late.receive(x[cut:])]
        # A packet whose preamble is cut may be lost, none after it.
        missed = next(i for i, start in enumerate(starts) if start - 1000 > cut)
        assert set(range(missed, 6)) <= set(received)


def test_after_long_silence_the_next_packet_is_received(link):
    silence = np.zeros(1 << 20, np.complex64)
    for i in range(4):
        for _ in range(4):
            assert link.receive(silence, chunk=32768) == []
        x = link.burst(i)
        assert len(link.receive(x + link.noise(len(x), 15))) == 1


def test_other_waveform_parameters_are_counted_and_cost_nothing_else(link, make_link):
    """The neighbour's preamble is ours, its cyclic prefix is not."""
    neighbour = make_link(replace(open_profile(), cp_len=96))
    x = [bursts(link, 0, 3), bursts(neighbour, 0, 5), bursts(link, 3, 3)]
    x = np.concatenate(x)
    received = [p.header.image for p in link.receive(x + link.noise(len(x), 15))]
    assert received == [0, 1, 2, 3, 4, 5]
    assert link.receiver.stats.headers_lost >= 5


def test_size_model_and_session_may_change_in_mid_stream(link):
    """A transmitter that was started again counts from 0: its pictures are new ones."""
    runs = [{"session": 7}, {"session": 8, "model": b"else", "symbols": 1000, "width": 64},
            {"session": 9, "symbols": 24576, "width": 768}]  # fmt: skip
    x, sent = [], []
    for fields in runs:
        for image in range(3):
            sent.append((fields["session"], image))
            x.append(burst_of(link, image=image, **fields))
    x = np.concatenate(x)
    reassembler = Reassembler(link.profile)
    packets = link.receive(x + link.noise(len(x), 15))
    images = [i for p in packets for i in reassembler.push(p)] + reassembler.flush()
    assert [(i.header.session, i.header.image) for i in images] == sent
    assert {i.header.model for i in images} == {b"abcd", b"else"}


def test_two_transmitters_may_take_turns(link):
    x = np.concatenate([burst_of(link, image=i // 2, session=7 + i % 2) for i in range(12)])
    offset = np.exp(2j * np.pi * 0.02 * np.arange(len(x))).astype(np.complex64)
    packets = link.receive(x * offset + link.noise(len(x), 15))
    assert [(p.header.session, p.header.image) for p in packets] == [
        (7 + i % 2, i // 2) for i in range(12)
    ]


def burst_of(link, **fields):
    """One picture of a sender with other header fields."""
    header, make = link.header, lambda image, symbols: header(**({"image": image} | fields))
    link.header = make
    try:
        return link.burst(fields.get("image", 0), fields.get("symbols", 4096))
    finally:
        link.header = header


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["silence", "tone", "ofdm", "bursts"])
def test_minutes_of_anything_are_survived(link, kind):
    """Two minutes at 4 Msps, then a packet."""
    step = 1 << 20
    for i in range(2 * MINUTE // step):
        x = 0.01 * complex_noise(link.rng, step)
        if kind == "tone":
            phase = (0.0371 * step * i) % 1  # goes on from piece to piece
            x += tone(0.0371, 20, step) * np.complex64(np.exp(2j * np.pi * phase))
        elif kind == "ofdm":
            x += other_ofdm(link.rng, step)
        elif kind == "bursts":
            x *= np.where(link.rng.random(step // 4096) < 0.1, 1000, 1).repeat(4096)
        assert link.receive(x.astype(np.complex64), chunk=32768) == []
    x = bursts(link, 0, 20)
    packets = link.receive(x + link.noise(len(x), 15))
    assert packets[-1].header.image == 19 and len(packets) >= 18


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_no_header_is_found_in_a_thousand_million_samples_of_noise():
    """Independent noise throughout; the CRC alone lets through one in 4e9 candidate headers."""
    receiver, step = Receiver(open_profile()), 1 << 20
    rng = np.random.Generator(np.random.SFC64(20261121))
    while receiver.stats.samples < 1_000_000_000:
        assert receiver.push(complex_noise(rng, step)) == []
    assert receiver.stats.packets == 0
