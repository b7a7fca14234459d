# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import numpy as np
import pytest

from percast.blocks.waveform import estimate
from percast.blocks.waveform.formats.kinds import KINDS
from percast.blocks.waveform.profile import PRESETS, open_profile
from percast.blocks.waveform.reassemble import Reassembler
from percast.blocks.waveform.receive import Receiver
from percast.blocks.waveform.transmit import packet_span


def send(link, snr_db, images=10, symbols=4096, freq_offset=0.0):
    x = np.concatenate([link.burst(i, symbols) for i in range(images)])
    turns = freq_offset / link.profile.samp_rate * np.arange(len(x))
    x = (x * np.exp(2j * np.pi * turns)).astype(np.complex64)
    return x + link.noise(len(x), snr_db)


@pytest.mark.parametrize("snr_db", [10, 20])
def test_latents_lose_less_than_a_quarter_db(link, snr_db):
    packets = link.receive(send(link, snr_db))
    assert len(packets) == 10
    assert snr_db - link.latent_snr(packets) < 0.25


@pytest.mark.parametrize("snr_db", [10, 20])
def test_latents_lose_less_than_a_quarter_db_with_papr_reduction(make_link, snr_db):
    link = make_link(papr_db=8.5)
    packets = link.receive(send(link, snr_db))
    assert len(packets) == 10
    assert snr_db - link.latent_snr(packets) < 0.25


@pytest.mark.parametrize("snr_db", [0, 10, 20])
@pytest.mark.parametrize("kind", ["long", "short"])
def test_the_reported_noise_variance_is_true(make_link, kind, snr_db):
    link = make_link(open_profile().of(kind), papr_db=8.5)
    packets = link.receive(send(link, snr_db))
    reported = -10 * np.log10(np.mean([p.noise_var.mean() for p in packets]))
    assert reported == pytest.approx(link.latent_snr(packets), abs=0.2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("snr_db", [10, 25])
@pytest.mark.parametrize("papr_db", [None, 8.5])
def test_snr_and_evm_are_the_payloads_however_strong_and_clipped_the_header_is(
    make_link, kind, snr_db, papr_db
):
    link = make_link(open_profile().of(kind), papr_db=papr_db)
    packets = link.receive(send(link, snr_db, symbols=500))
    assert len(packets) == 10
    snr = 10 * np.log10(np.mean([p.signal for p in packets]) / np.mean([p.noise for p in packets]))
    assert snr == pytest.approx(snr_db, abs=0.3)
    evm = 10 * np.log10(np.mean([p.evm_squared for p in packets]))
    assert evm == pytest.approx(-snr_db, abs=0.3)


def test_long_headers_decode_at_minus_three_db(long_link):
    packets = long_link.receive(send(long_link, -3, images=60))
    assert len(packets) >= 59


@pytest.mark.parametrize(("kind", "snr_db"), [("short", -0.5), ("short-unboosted", 2.5)])
def test_short_headers_decode_far_below_what_they_are_sent_to(make_link, kind, snr_db):
    link = make_link(open_profile().of(kind))
    packets = link.receive(send(link, snr_db, images=100, symbols=500))
    assert len(packets) >= 99


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_acquires_its_carrier_offset_range(make_link, name):
    for sign in (-1, 1):
        link = make_link(open_profile(name))
        offset = sign * link.profile.max_freq_offset
        packets = link.receive(send(link, 5, images=4, freq_offset=offset))
        assert len(packets) == 4
        near = 60 * link.profile.samp_rate / 4e6
        assert packets[0].freq_offset == pytest.approx(offset, abs=near)


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
    assert link.receiver.stats.detections == 0  # not even the CRC had to refuse anything


def test_a_dc_offset_does_no_harm(link):
    """With a carrier offset the DC offset falls among the carriers, where it would hurt."""
    x = send(link, 15, images=8, freq_offset=10.4 * link.profile.samp_rate / 256)
    packets = link.receive(x + np.complex64(2 - 1j))
    assert len(packets) >= 7
    assert link.latent_snr(packets[2:]) > 14


def test_one_wild_value_costs_one_packet_at_most(link):
    x = send(link, 15, images=6)
    x[300] = 1e14
    x[len(x) // 2] = -1e9j
    assert len(link.receive(x)) >= 4


@pytest.mark.parametrize("amplitude", [1e-7, 3e4])
def test_the_amplitude_does_not_matter(link, amplitude):
    packets = link.receive(send(link, 20, images=3) * np.float32(amplitude))
    assert len(packets) == 3
    assert link.latent_snr(packets) > 19.5
    snr = 10 * np.log10(packets[0].signal / packets[0].noise)
    assert snr == pytest.approx(20, abs=0.6)


def test_interference_during_the_payload_is_reported_as_noise(link):
    p = link.profile
    x = send(link, 25, images=1, symbols=12288)
    clean = link.receive(x.copy())[0]
    link.receiver = Receiver(p)
    start = clean.start + 2 * p.fft_size + (p.header_symbols + 30) * p.symbol_len
    x[start : start + 20 * p.symbol_len] += link.noise(20 * p.symbol_len, 5)
    (hit,) = link.receive(x)
    rows = hit.noise_var.reshape(-1, p.data_carriers).mean(1)
    assert -10 * np.log10(rows[34:46].mean()) == pytest.approx(5, abs=2)
    assert -10 * np.log10(rows[:15].mean()) > 23


@pytest.mark.parametrize("kind", ["short-unboosted", "short", "long"])
@pytest.mark.parametrize("snr_db", [30, 40])
def test_the_last_samples_before_silence_are_no_packet(make_link, kind, snr_db):
    """They hold all energy there is, and it was enough that some of them agree."""
    link = make_link(open_profile().of(kind))
    silence = np.zeros(900, np.complex64)
    x = np.concatenate([np.append(silence, link.burst(i, 150)) for i in range(150)])
    assert len(link.receive(x + link.noise(len(x), snr_db))) == 150
    assert link.receiver.stats.headers_lost == 0


def test_what_looks_like_a_short_part_does_not_hide_the_packet_behind_it(link):
    """A click before each packet that repeats itself after 8 samples, as the short part does."""
    parts = []
    for image in range(40):
        before = np.zeros(int(link.rng.integers(700, 1100)), np.complex64)
        before[20:36] = 2 * np.resize(link.rng.standard_normal(8), 16)
        parts += [before, link.burst(image, 150)]
    x = np.concatenate(parts)
    assert len(link.receive(x + link.noise(len(x), 30))) == 40


def test_faint_tones_in_the_silence_before_a_packet_do_not_hide_it(link):
    x = send(link, 300, images=3)
    x += (1e-3 * np.exp(2j * np.pi * 0.0371 * np.arange(len(x)))).astype(np.complex64)
    assert len(link.receive(x)) == 3


def test_carrier_offset_is_estimated_finely(link):
    packets = link.receive(send(link, 20, images=4, freq_offset=12345.0))
    errors = [abs(p.freq_offset - 12345.0) for p in packets]
    assert max(errors) < 5  # of 15,625 Hz between carriers


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


@pytest.mark.parametrize(
    ("kind", "rows"),
    [("long", 0), ("long", 63), ("short", 0), ("short", 1), ("short", 100), ("short", 240)],
)
def test_of_a_packet_that_breaks_off_what_came_is_received(make_link, kind, rows):
    """Short ones of 256 symbols have a reference symbol before the 225th: without it too."""
    link = make_link(open_profile().of(kind))
    p = link.profile
    sent = link.burst(symbols=98304)
    start = np.flatnonzero(sent)[0]
    end = start + p.packet_len(0) + (rows + (rows > 224)) * p.symbol_len + p.symbol_len // 2
    (packet,) = link.receive((sent + link.noise(len(sent), 20))[:end]) + link.receiver.flush()
    came = 192 * rows
    lo, hi = packet_span(p, 98304, packet.header.packets, 0)
    assert len(packet.symbols) == len(packet.noise_var) == hi - lo > came
    assert np.isfinite(packet.noise_var[:came]).all() and np.isinf(packet.noise_var[came:]).all()
    assert not packet.symbols[came:].any()
    error = np.abs(packet.symbols[:came] - link.sent[0][:came]) ** 2
    assert rows == 0 or np.mean(error) == pytest.approx(np.mean(packet.noise_var[:came]), rel=0.2)
    assert rows == 0 or np.mean(error) < 0.013
    reassembler = Reassembler(p)
    assert reassembler.push(packet) == []
    (image,) = reassembler.flush()
    assert image.lost_symbols == 98304 - came


@pytest.mark.parametrize("lost", [30, 300, 4096, 50_000])
def test_a_gap_takes_of_its_packet_what_follows_and_no_packet_after_it(make_link, lost):
    link = make_link(open_profile().of("long"))
    p = link.profile
    broken, whole = link.burst(0, symbols=12288), link.burst(1)
    start = np.flatnonzero(broken)[0]
    at = start + p.packet_len(0) + 20 * p.symbol_len + p.symbol_len // 2
    before, after = broken[:at], np.concatenate([broken[at:], whole])[lost:]
    if lost > 4096:  # the whole rest of the packet and the silence, up to the next
        after = whole
    before, after = (x + link.noise(len(x), 20) for x in (before, after))
    packets = [*link.receive(before), *link.receiver.flush(), *link.receive(after)]
    assert [packet.header.image for packet in packets] == [0, 1]
    first, second = packets
    assert np.isinf(first.noise_var[20 * 192 :]).all() and not first.symbols[20 * 192 :].any()
    error = np.abs(first.symbols[: 20 * 192] - link.sent[0][: 20 * 192]) ** 2
    assert np.mean(error) == pytest.approx(np.mean(first.noise_var[: 20 * 192]), rel=0.2)
    assert np.isfinite(second.noise_var).all() and link.latent_snr([second]) > 19
    place = len(before) + len(after) - len(whole) + np.flatnonzero(whole)[0]
    assert abs(second.start - place - p.short_len - p.long_guard) <= 2


@pytest.mark.parametrize("kind", ["short", "long"])
def test_a_packet_whose_header_falls_into_a_gap_is_counted(make_link, kind):
    link = make_link(open_profile().of(kind))
    broken, whole = link.burst(0), link.burst(1)
    at = np.flatnonzero(broken)[0] + link.profile.preamble_len + 100
    broken, whole = (x + link.noise(len(x), 20) for x in (broken[:at], whole))
    packets = [*link.receive(broken), *link.receiver.flush(), *link.receive(whole)]
    assert [packet.header.image for packet in packets] == [1]
    assert (link.receiver.stats.headers_lost, link.receiver.stats.packets) == (1, 1)


def test_a_gap_in_silence_or_at_the_beginning_is_none(link):
    assert link.receiver.flush() == []
    assert link.receive(link.noise(5000, 20)) == link.receiver.flush() == []
    assert link.receiver.flush() == []
    sent = link.burst()
    (packet,) = link.receive(sent + link.noise(len(sent), 20))
    assert np.isfinite(packet.noise_var).all()


def test_a_picture_is_given_out_when_the_next_one_starts(link):
    packets = link.receive(send(link, 20, images=1, symbols=24576))
    reassembler = Reassembler(link.profile)
    assert reassembler.push(packets[0]) == []
    later = other(packets[0], image=1)
    (image,) = reassembler.push(later)
    assert image.header.image == 0
    given_up = later.start + reassembler.patience(later)
    assert reassembler.expire(given_up) == []
    assert reassembler.expire(given_up + 1)[0].header.image == 1


def test_packets_lost_in_a_row_take_no_later_ones_with_them(long_link):
    """As the demodulator works: `expire` is called all the time."""
    link = long_link
    packets = link.receive(send(link, 20, images=1, symbols=6 * 12288))
    assert len(packets) == 6
    reassembler, out, position = Reassembler(link.profile), [], 0
    for packet in (packets[0], *packets[3:]):
        while position < packet.start:
            out += reassembler.expire(position)
            position += 4096
        out += reassembler.push(packet)
    out += reassembler.expire(position + 10 * link.profile.packet_len(64))
    assert [image.lost_symbols for image in out] == [2 * 12288]


def test_two_senders_do_not_cut_each_others_pictures(link):
    a0, a1 = link.receive(send(link, 20, images=1, symbols=24576))
    b0, b1 = other(a0, session=8), other(a1, session=8)
    reassembler = Reassembler(link.profile)
    out = [image for p in (a0, b0, a1, b1) for image in reassembler.push(p)]
    assert [(i.header.session, i.lost_symbols) for i in out] == [(7, 0), (8, 0)]


def test_a_repeated_packet_makes_no_second_picture(link):
    first, second = link.receive(send(link, 20, images=1, symbols=24576))
    reassembler = Reassembler(link.profile)
    out = [i for p in (first, first, second, second, first) for i in reassembler.push(p)]
    assert [i.lost_symbols for i in out] == [0]
    assert reassembler.flush() == []


def test_a_header_that_does_not_fit_the_profile_is_not_believed(link):
    """One packet announced for so many symbols that they need nine."""
    from percast.blocks.waveform import transmit

    header = link.header(symbols=100_000)
    carriers = transmit.packet_carriers(link.profile, header, np.ones(192, np.complex64))
    body = transmit.to_samples(link.profile, carriers, link.profile.cp_len).ravel()
    x = np.concatenate([np.zeros(500), transmit.preamble(link.profile), body, np.zeros(9000)])
    assert link.receive(x.astype(np.complex64) + link.noise(len(x), 25)) == []
    assert link.receiver.stats.headers_lost >= 1


def other(packet, **fields):
    return replace(packet, header=replace(packet.header, **fields))


def test_the_first_packet_waits_for_no_tables(link, monkeypatch):
    """Those for channel estimation take a tenth of a second: a receiver makes them beforehand."""
    estimate._factors.cache_clear()
    estimate.projection_factors.cache_clear()
    receiver, samples = Receiver(link.profile), send(link, 20, images=1)
    monkeypatch.delattr(np.linalg, "eigh")
    packets = receiver.push(samples) + receiver.flush()
    assert len(packets) == 1


def test_a_stream_may_come_in_nothing_at_all():
    receiver = Receiver(open_profile())
    assert receiver.push(np.zeros(0, np.complex64)) == []
    assert receiver.stats.samples == 0
