# SPDX-License-Identifier: GPL-3.0-or-later
"""A small link in plain numpy: pictures' symbols in, packets out."""

from fractions import Fraction

import numpy as np
import pytest

from percast.blocks.channel.impairments import complex_noise
from percast.blocks.waveform.coding.interleaver import interleave
from percast.blocks.waveform.demodulate import Packet
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import open_profile
from percast.blocks.waveform.receive import Receiver
from percast.blocks.waveform.transmit import modulate, packet_span


class Link:
    """Sends pictures of Gaussian latents and compares what comes out; with short headers, which die
    first, unless the profile says otherwise."""

    def __init__(self, profile=None, seed: int = 1, papr_db: float | None = None):
        profile = profile or open_profile()
        self.profile = profile.of("short") if profile.header == "auto" else profile
        self.rng = np.random.default_rng(seed)
        self.papr_db = papr_db
        self.receiver = Receiver(self.profile)
        self.sent: dict[int, np.ndarray] = {}

    def header(self, image: int = 0, symbols: int = 4096, **fields) -> Header:
        return Header(
            **{
                "session": 7, "image": image, "packet": 0, "packets": 1, "width": 256,
                "height": 256, "cbr": Fraction(1, 48), "symbols": symbols, "codec": 1,
                "codec_word": 32, "model": b"abcd", "design_snr_db": 10.0, "realism": 1.0,
                "seed": 7, "callsign": "DK0XX", "timestamp_us": 1_700_000_000_000_000,
            }
            | ({"seed": fields["session"]} if "session" in fields else {})
            | fields
        )  # fmt: skip

    def burst(self, image: int = 0, symbols: int = 4096) -> np.ndarray:
        """One picture's packets between silences of random length, complex64 [n]."""
        latent = complex_noise(self.rng, symbols)
        latent /= np.sqrt(np.mean(np.abs(latent) ** 2))
        header = self.header(image, symbols)
        self.sent[image] = interleave(latent, header.seed)
        silence = np.zeros(int(self.rng.integers(100, 700)), np.complex64)
        packets = modulate(self.profile, header, latent, self.papr_db)
        return np.concatenate([silence, *packets, np.zeros(300, np.complex64)])

    def noise(self, n: int, snr_db: float) -> np.ndarray:
        """Noise for so many samples at an Es/N0 per occupied carrier."""
        variance = 10 ** (-snr_db / 10) / self.profile.occupied_fraction
        return complex_noise(self.rng, n) * np.float32(np.sqrt(variance))

    def receive(self, samples: np.ndarray, chunk: int = 8192) -> list[Packet]:
        parts = (samples[i : i + chunk] for i in range(0, len(samples), chunk))
        return [packet for part in parts for packet in self.receiver.push(part)]

    def latent_snr(self, packets: list[Packet]) -> float:
        """SNR of the equalised symbols against what was sent, dB."""
        errors = []
        for p in packets:
            h = p.header
            lo, hi = packet_span(self.profile, h.symbols, h.packets, h.packet)
            errors.append(np.mean(np.abs(p.symbols - self.sent[h.image][lo:hi]) ** 2))
        return float(-10 * np.log10(np.mean(errors)))


@pytest.fixture
def link() -> Link:
    return Link()


@pytest.fixture
def long_link() -> Link:
    """With long headers, for little SNR."""
    return Link(open_profile().of("long"))


@pytest.fixture
def make_link():
    return Link
