# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of several kinds: what they cost, and that a receiver knows them all."""

import argparse
import zlib
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import pytest

from percast.blocks.channel import Channel, ChannelConfig
from percast.blocks.waveform.formats.kinds import KINDS
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.preamble import training_symbol
from percast.blocks.waveform.profile import WaveformConfig, open_profile
from percast.blocks.waveform.transmit import modulate, packets_needed
from percast.errors import UsageError
from percast.flowgraphs.config import TransmitterConfig

LARGE, SMALL = 24_576, 4_096  # latent symbols at 1/48 of 768x512 and 256x256 pixels


def overhead(link, symbols):
    """As `--json` reports it."""
    p = link.profile
    packets = modulate(p, link.header(), np.ones(symbols, np.complex64), None)
    return sum(map(len, packets)) * p.occupied_fraction / symbols - 1


@pytest.mark.parametrize(
    ("kind", "symbols", "most"),
    [("short", SMALL, 0.50), ("short", LARGE, 0.28), ("short", 4 * LARGE, 0.20),
     ("version-1", SMALL, 1.10), ("version-1", LARGE, 0.47)],
)  # fmt: skip
def test_overhead_is_what_the_page_says(make_link, kind, symbols, most):
    assert most - 0.03 < overhead(make_link(open_profile().of(kind)), symbols) < most + 0.005


@pytest.mark.parametrize(("design", "kind"), [(10.0, "short"), (9.75, "long"), (-1.0, "long")])
def test_the_header_goes_by_the_design_snr_unless_told_otherwise(design, kind):
    profile = open_profile()
    assert profile.towards(design).header == kind
    for told in ("short", "long"):
        assert profile.of(told).towards(design).header == told


def test_options_of_the_format_are_understood(make_link):
    parser = argparse.ArgumentParser()
    WaveformConfig.add_options(parser)
    TransmitterConfig.add_options(parser)
    args = parser.parse_args(["--prefix", "48", "--share", "3", "--header", "long"])
    assert TransmitterConfig.from_args(args).share == 3
    link = make_link(WaveformConfig.from_args(args).open())
    x = link.burst(0, 500)
    (packet,) = link.receive(x + link.noise(len(x), 0))
    assert (packet.profile.cp_len, packet.profile.header) == (48, "long")
    for wrong in (["--prefix", "8"], ["--prefix", "40.5"], ["--header", "medium"]):
        with pytest.raises((SystemExit, UsageError)):
            WaveformConfig.from_args(parser.parse_args(wrong))


def test_a_receiver_takes_all_kinds_as_they_come(link, make_link):
    senders = {kind: make_link(open_profile().of(kind)) for kind in KINDS}
    order = [*KINDS, *reversed(KINDS), *KINDS]
    x = np.concatenate([senders[kind].burst(i, 1000) for i, kind in enumerate(order)])
    packets = link.receive(x + link.noise(len(x), 12))
    assert [p.profile.header for p in packets] == order
    assert [p.header.image for p in packets] == list(range(len(order)))
    assert [p.header.version for p in packets] == [KINDS[kind].version for kind in order]


def test_no_training_symbol_is_taken_for_another():
    """Each explains little of the others' energy, also where carriers are 0.6 of their spacing
    off."""
    n = open_profile().fft_size
    known = {kind: training_symbol(open_profile().of(kind)) for kind in KINDS}
    for one, other in permutations(KINDS, 2):
        for off in np.linspace(-0.6, 0.6, 7):
            moved = known[one] * np.exp(2j * np.pi * off * np.arange(n) / n)
            assert np.abs(np.correlate(moved, known[other], "full")).max() < 0.2 * n


def test_a_large_picture_has_two_packets_at_least(link):
    """A lost one is then noise, and not the picture."""
    short = link.profile.of("short")
    rows = short.data_carriers
    assert [packets_needed(short, n * rows) for n in (1, 64, 65, 512, 513)] == [1, 1, 2, 2, 3]
    x = link.burst(0, 8 * LARGE // 2)
    x[len(x) // 3 : len(x) // 3 + 2000] = 0
    (first, second) = link.receive(x + link.noise(len(x), 20))
    assert (first.header.packet, second.header.packet) == (0, 1)


@pytest.mark.parametrize(("snr_db", "most"), [(10.0, 0.5), (20.0, 1.0)])
def test_long_packets_follow_a_channel_that_moves(make_link, snr_db, most):
    """18 ms at 10 Hz of Doppler, by their reference symbol."""
    link = make_link(papr_db=8.5)
    p = link.profile
    config = ChannelConfig(
        model="tdl-c", snr_db=snr_db, doppler=10.0, freq_offset=20e3, clock_ppm=20.0, seed=3
    )
    channel = Channel(config, p.samp_rate, 1.0, p.occupied_fraction)
    x = np.concatenate([link.burst(i, 4 * LARGE) for i in range(3)])
    packets = link.receive(channel.process(np.append(x, np.zeros(8192, np.complex64))))
    assert len(packets) == 6
    place = p.occupied[p.data_index] % p.fft_size
    gaps = []
    for packet in packets:
        sent = link.sent[packet.header.image].reshape(2, -1)[packet.header.packet]
        error = (np.abs(packet.symbols - sent) ** 2).reshape(-1, 32, p.data_carriers).mean(1)
        for i, row in enumerate(error):
            middle = packet.start + 4 * p.fft_size + (32 * i + 16) * p.symbol_len
            truth = np.abs(channel.frequency_response(p.fft_size, middle)[place]) ** 2
            gaps.append(np.mean(10 * np.log10(truth * row)) + snr_db)
    assert -0.2 < np.mean(gaps) < most


@dataclass(frozen=True)
class FromTheFuture(Header):
    def pack(self) -> bytes:
        body = bytes([3]) + super().pack()[1:-4]
        return body + zlib.crc32(body).to_bytes(4, "big")


@pytest.mark.parametrize("kind", ["long", "short"])
def test_a_later_version_is_said_in_one_line_and_counted(link, caplog, kind):
    plain = link.header(symbols=500)
    header = FromTheFuture(**{f: getattr(plain, f) for f in plain.__dataclass_fields__})
    later = np.concatenate(
        list(modulate(open_profile().of(kind), header, np.ones(500, np.complex64)))
    )
    unread = []
    link.receiver.on_packet = lambda packet: unread.append(getattr(packet, "version", None))
    x = np.concatenate([later, later, link.burst(1, 500)])
    (known,) = link.receive(x.astype(np.complex64) + link.noise(len(x), 20))
    assert known.header.image == 1
    assert unread == [3, 3, None]
    assert link.receiver.stats.headers_lost == 2
    (line,) = caplog.messages
    assert "version 3" in line and "update" in line


def test_a_header_of_another_version_than_its_kind_is_not_believed(link, monkeypatch):
    wrong = replace(KINDS["long"], version=1, name="wrong")
    monkeypatch.setitem(KINDS, "wrong", wrong)
    sender = open_profile().of("wrong")
    packets = modulate(sender, link.header(symbols=500), np.ones(500, np.complex64))
    x = np.pad(np.concatenate(list(packets)), 2000)
    receiver = type(link.receiver)(open_profile(samp_rate=4e6))
    monkeypatch.delitem(KINDS, "wrong")
    assert receiver.push(x.astype(np.complex64)) == []
    assert receiver.stats.headers_lost == 1
