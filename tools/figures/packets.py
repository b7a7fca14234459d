# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures one kind of packet in plain numpy: overhead, sensitivity, loss."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from percast.blocks.channel import Channel, ChannelConfig
from percast.blocks.waveform.coding.interleaver import interleave
from percast.blocks.waveform.demodulate import Packet
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.receive import Receiver
from percast.blocks.waveform.transmit import modulate, packet_span
from percast.tools.figures.traffic import header_of, latents

CHANNELS = {
    "AWGN": ChannelConfig(model="awgn"),
    "TDL-A": ChannelConfig(model="tdl-a"),
    "TDL-C": ChannelConfig(model="tdl-c"),
    "20 ppm": ChannelConfig(model="awgn", clock_ppm=20.0),
    "20 kHz": ChannelConfig(model="awgn", freq_offset=20e3),
}
"""Delay spread 300 ns and Doppler 10 Hz where there are any."""

SMALL, LARGE = 4_096, 24_576
"""Latent symbols of 256x256 and 768x512 pixels at 1/48."""

_ARRIVED = 0.99
_PAUSE = 600  # samples
_STEP_DB = 0.5


def overhead(profile: Profile, symbols: int) -> float:
    """Channel uses beside the latent symbols, per latent symbol."""
    packets = modulate(profile, header_of(0, symbols), np.ones(symbols, np.complex64), None)
    return sum(map(len, packets)) * profile.occupied_fraction / symbols - 1


def _air(profile: Profile, config: ChannelConfig) -> Channel:
    return Channel(config, profile.samp_rate, 1.0, profile.occupied_fraction)


def arrived(profile: Profile, config: ChannelConfig, pictures: int, lost_at_most: int) -> int:
    """How many of so many small pictures arrive, each in a channel of its own; gives up counting
    when more are lost than that."""
    rng, lost = np.random.default_rng(config.seed), 0
    pause = np.zeros(_PAUSE, np.complex64)
    for picture in range(pictures):
        receiver = Receiver(profile)
        air = _air(profile, replace(config, seed=1000 * config.seed + picture))
        latent = latents(rng, profile.data_carriers)
        sent = [pause, *modulate(profile, header_of(picture, len(latent)), latent), pause]
        heard = air.process(np.concatenate(sent))
        packets = [*receiver.push(heard), *receiver.push(air.flush()), *receiver.flush()]
        lost += not any(p.header.image == picture for p in packets)
        if lost > lost_at_most:
            break
    return pictures - lost


def sensitivity(profile: Profile, config: ChannelConfig, pictures: int, from_db: float) -> float:
    """Least SNR in steps of half a dB at which, and above which, 99% of pictures arrive.

    Args:
        pictures: at each SNR.
        from_db: where to start, downwards; upwards where that is too low.
    """
    most = int((1 - _ARRIVED) * pictures)

    def enough(snr_db: float) -> bool:
        at = replace(config, snr_db=snr_db)
        return arrived(profile, at, pictures, most) >= pictures - most

    snr_db = from_db
    if not enough(snr_db):
        while not enough(snr_db := snr_db + _STEP_DB):
            pass
        return snr_db
    while enough(snr_db - _STEP_DB):
        snr_db -= _STEP_DB
    return snr_db


def loss(profile: Profile, config: ChannelConfig, symbols: int, pictures: int) -> float:
    """What the latents lose against a receiver that knows the channel, dB: their error times the
    channel's true power at its time and carrier, over that of the noise."""
    rng, receiver = np.random.default_rng(2), Receiver(profile)
    air, sent = _air(profile, config), {}
    stream = []
    for picture in range(pictures):
        sent[picture] = latents(rng, symbols)
        stream += [*modulate(profile, header_of(picture, symbols), sent[picture])]
        stream.append(np.zeros(_PAUSE, np.complex64))
    heard = [air.process(np.concatenate(stream)), air.flush()]
    packets = [p for part in heard for p in receiver.push(part)] + receiver.flush()
    gaps = [gap for packet in packets for gap in _gaps(air, packet, sent[packet.header.image])]
    return float(np.mean(gaps)) + config.snr_db


def _gaps(air: Channel, packet: Packet, sent: np.ndarray) -> Iterator[float]:
    """Of every 16 OFDM symbols of a packet."""
    p, h, step = packet.profile, packet.header, 16
    lo, hi = packet_span(p, h.symbols, h.packets, h.packet)
    error = packet.symbols - interleave(sent, h.seed)[lo:hi]
    rows = np.abs(error[: len(error) // p.data_carriers * p.data_carriers]) ** 2
    rows = rows.reshape(-1, p.data_carriers)
    place = p.occupied[p.data_index] % p.fft_size
    for first in range(0, len(rows), step):
        middle = packet.start + 2 * p.fft_size
        middle += (p.header_symbols + first + step // 2) * p.symbol_len
        truth = np.abs(air.frequency_response(p.fft_size, middle)[place]) ** 2
        yield 10 * np.log10(np.mean(truth * rows[first : first + step]))
