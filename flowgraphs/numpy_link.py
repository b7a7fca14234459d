# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole waveform and the air in plain numpy, one picture after another. No GNU Radio."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from percast.blocks.channel import Channel, ChannelConfig
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.reassemble import Reassembler, ReceivedImage
from percast.blocks.waveform.receive import Receiver
from percast.blocks.waveform.transmit import modulate
from percast.engines.codecs.contract import CodedImage, Symbols
from percast.engines.evaluation.measure import Arrival

_SESSION = 1
_SILENCE = 2000  # samples before and after each picture

LINK_FIGURES = ("snr_db_measured", "lost_share")
"""What a link notes of each picture: the receiver's own SNR, dB; share of symbols lost."""


class Passage(NamedTuple):
    """What the receiver got of a picture, None where no packet came; and samples of its packets."""

    image: ReceivedImage | None
    samples: int


class NumpyLink:
    """Modulator, channel and demodulator as a channel for `percast.engines.evaluation.evaluate`.

    Each picture meets a channel of its own: the same for all SNRs, another for each picture.
    The sender has no full scale to clip at: the default `--tx-level` has room for nearly all peaks.

    Args:
        profile: the waveform.
        config: the channel, whose SNR is not used.
        papr_db: envelope limit of clip-and-filter, None for none.
    """

    def __init__(self, profile: Profile, config: ChannelConfig, papr_db: float | None):
        self.profile, self._config, self._papr_db = profile, config, papr_db

    def __call__(
        self, coded: CodedImage, symbols: Symbols, snr_db: float, picture: int
    ) -> Arrival | None:
        """Sends one picture; None where none of its packets arrived."""
        image = self.send(coded, symbols, snr_db, picture).image
        return None if image is None else _arrival(image)

    def send(self, coded: CodedImage, symbols: Symbols, snr_db: float, picture: int) -> Passage:
        """Sends one picture."""
        seed = int(np.random.SeedSequence((self._config.seed, picture)).generate_state(1)[0])
        config = replace(self._config, snr_db=snr_db, seed=seed)
        profile = self.profile
        air = Channel(config, profile.samp_rate, 1.0, profile.occupied_fraction)
        receiver, reassembler = Receiver(profile), Reassembler(profile)
        received: list[ReceivedImage] = []
        header = Header.of(coded, len(symbols), _SESSION, picture, "", 0)
        packets = list(modulate(profile, header, symbols, self._papr_db))
        for samples in _heard(packets, air):
            for packet in receiver.push(samples):
                received += reassembler.push(packet)
        for packet in receiver.flush():
            received += reassembler.push(packet)
        received += reassembler.flush()
        return Passage(received[0] if received else None, sum(map(len, packets)))


def _heard(packets: list[np.ndarray], air: Channel) -> Iterator[np.ndarray]:
    """What the receiver's converter gives."""
    silence = np.zeros(_SILENCE, np.complex64)
    yield air.process(silence)
    for packet in packets:
        yield air.process(packet)
    yield air.process(silence)
    yield air.flush()


def _arrival(image: ReceivedImage) -> Arrival:
    header = image.header
    share = image.lost_symbols / header.symbols
    figures = dict(zip(LINK_FIGURES, (image.snr_db, share), strict=True))
    return Arrival(header.coded, image.symbols, image.noise_var, figures)
