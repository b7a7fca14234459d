# SPDX-License-Identifier: GPL-3.0-or-later
"""Several small pictures in one packet: each keeps its own identity."""

from dataclasses import replace

import numpy as np
import pytest

from percast.blocks.channel.impairments import complex_noise
from percast.blocks.waveform import transmit
from percast.blocks.waveform.coding.interleaver import deinterleave
from percast.blocks.waveform.formats.shared import listed
from percast.blocks.waveform.profile import open_profile
from percast.blocks.waveform.reassemble import Reassembler
from percast.blocks.waveform.transmit import modulate, modulate_all

SYMBOLS = 256  # 64x64 at 1/48


def pictures(link, count, symbols=SYMBOLS, **fields):
    """Pictures that were read 33 ms after each other; one of them was left out on the way."""
    images = [i + (i > 2) for i in range(count)]
    latents = [complex_noise(link.rng, symbols) for _ in images]
    headers = [
        link.header(image=10 + i, symbols=symbols, codec_word=32 + 7 * i,
                    timestamp_us=1_700_000_000_000_000 + 33_000 * i, **fields)
        for i in images
    ]  # fmt: skip
    return list(zip(headers, latents, strict=True))


def heard(link, samples, snr_db):
    x = np.pad(samples, (700, 2000))
    return link.receive(x.astype(np.complex64) + link.noise(len(x), snr_db))


@pytest.mark.parametrize(("count", "snr_db"), [(2, 10), (8, 6), (24, 20), (8, 0)])
def test_each_comes_back_with_its_own_header_and_symbols(link, count, snr_db):
    sent = pictures(link, count)
    together, (packet,) = modulate_all(link.profile, sent)
    assert together == count
    received = heard(link, packet, snr_db)
    assert [p.header for p in received] == [h for h, _ in sent]
    reassembler = Reassembler(link.profile)
    images = [image for p in received for image in reassembler.push(p)]
    assert [i.header.image for i in images] == [h.image for h, _ in sent]
    errors = [np.mean(np.abs(i.symbols - x) ** 2) for i, (_, x) in zip(images, sent, strict=True)]
    assert -10 * np.log10(np.mean(errors)) == pytest.approx(snr_db, abs=0.7)


def test_eight_small_pictures_cost_less_than_half_of_what_each_would(link):
    sent = pictures(link, 8)
    _, (packet,) = modulate_all(link.profile, sent)
    alone = sum(len(x) for h, latent in sent for x in modulate(link.profile, h, latent))
    assert len(packet) < 0.45 * alone


def test_only_what_is_alike_and_fits_shares_a_packet(link):
    sent = pictures(link, 3)
    for change in ({"width": 64}, {"realism": 0.0}, {"model": b"else"}, {"image": 10 + 256},
                   {"callsign": "N0CALL"}, {"image": 9}):  # fmt: skip
        other = [sent[0], sent[1], (replace(sent[2][0], **change), sent[2][1])]
        assert modulate_all(link.profile, other)[0] == 2
    assert modulate_all(link.profile, [sent[0], (sent[1][0], sent[1][1][:-1])])[0] == 1
    large = pictures(link, 4, symbols=4096)
    count, packets = modulate_all(link.profile, large)
    packets = list(packets)
    assert (count, len(packets)) == (2, 1)  # of 22 OFDM symbols each, of 64
    assert modulate_all(open_profile().of("long"), sent)[0] == 1
    weak = pictures(link, 2, design_snr_db=3.0)
    assert modulate_all(open_profile(), weak)[0] == 1


def test_the_first_picture_needs_no_list(link, monkeypatch):
    """What the header says is enough."""
    sent = pictures(link, 4)

    def another(profile, headers):
        return listed(profile, [replace(h, codec_word=h.codec_word + 1) for h in headers])

    monkeypatch.setattr(transmit, "listed", another)
    _, (packet,) = modulate_all(link.profile, sent)
    (first,) = heard(link, packet, 15)
    assert first.header == sent[0][0]
    latent, _ = deinterleave(first.symbols, first.noise_var, first.header.seed)
    assert np.mean(np.abs(latent - sent[0][1]) ** 2) < 10 ** (-1.3)
