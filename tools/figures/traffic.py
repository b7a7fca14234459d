# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that stand for any, for what measures the waveform: headers, latents, and their samples
in noise."""

from fractions import Fraction

import numpy as np

from percast.blocks.channel.impairments import complex_noise
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.transmit import modulate

_GAP = 512  # samples of silence after each picture, as the modulator has it


def header_of(image: int, symbols: int, design_snr_db: float = 10.0) -> Header:
    """Of a picture of 256x256 pixels, whatever its number of latent symbols."""
    return Header(
        session=1, image=image, packet=0, packets=1, width=256, height=256, cbr=Fraction(1, 48),
        symbols=symbols, codec=1, codec_word=32, model=b"none", design_snr_db=design_snr_db,
        realism=1.0, seed=1, callsign="DK0XX", timestamp_us=0,
    )  # fmt: skip


def latents(rng: np.random.Generator, symbols: int) -> np.ndarray:
    """Gaussian ones of unit mean power, complex64 [symbols]."""
    latent = complex_noise(rng, symbols)
    return latent / np.sqrt(np.mean(np.abs(latent) ** 2))


def traffic(profile: Profile, symbols: int, samples: int, snr_db: float) -> np.ndarray:
    """Pictures of `symbols` latents one behind the other in noise, complex64 [about samples]."""
    parts, total = [], 0
    latent = latents(np.random.default_rng(0), symbols)
    while total < samples:
        packets = list(modulate(profile, header_of(len(parts), symbols), latent))
        parts += [*packets, np.zeros(_GAP, np.complex64)]
        total += sum(map(len, packets)) + _GAP
    sent = np.concatenate(parts)
    noise = np.sqrt(10 ** (-snr_db / 10) / profile.occupied_fraction)
    return sent + complex_noise(np.random.default_rng(1), len(sent)) * np.float32(noise)
