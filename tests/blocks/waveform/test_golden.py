# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets recorded when each kind of the format was fixed. If this fails, old recordings no longer
decode: add a kind or a version, and record that with `python -m tests.blocks.waveform.test_golden
KIND`."""

import sys
from pathlib import Path

import numpy as np
import pytest

from percast.blocks.waveform.coding.interleaver import deinterleave
from percast.blocks.waveform.formats.kinds import KINDS
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import Profile, open_profile
from percast.blocks.waveform.receive import Receiver
from percast.blocks.waveform.transmit import modulate
from tests.blocks.waveform.conftest import Link

RECORDINGS = {
    "version-1": "golden_packet.cs8",
    "long": "golden_long.cs8",
    "short-unboosted": "golden_short.cs8",
    "short": "golden_boosted.cs8",
}
SCALE = 32.0  # int8 full scale over mean amplitude


def latent() -> np.ndarray:
    """384 symbols on a spiral, mean power 1."""
    n = np.arange(384)
    spiral = np.sqrt((n + 0.5) / 192) * np.exp(0.7j * n)
    return spiral.astype(np.complex64)


def profile(kind: str) -> Profile:
    return open_profile("standard-4m").of(kind)


def header(kind: str) -> Header:
    seed = 5 if kind == "version-1" else 7
    version = KINDS[kind].version
    return Link().header(image=42, symbols=384, callsign="GOLDEN", seed=seed, version=version)


def samples(kind: str) -> np.ndarray:
    (packet,) = modulate(profile(kind), header(kind), latent(), papr_db=8.5)
    return packet


def recorded(kind: str) -> np.ndarray:
    path = Path(__file__).with_name(RECORDINGS[kind])
    return np.fromfile(path, np.int8).astype(np.float32).view(np.complex64)


@pytest.mark.parametrize("kind", KINDS)
def test_todays_receiver_reads_the_recorded_packet(kind):
    receiver = Receiver(open_profile("standard-4m"))
    (packet,) = receiver.push(np.pad(recorded(kind), (1000, 2000)))
    assert packet.header == header(kind)
    assert packet.profile == profile(kind)
    symbols, _ = deinterleave(packet.symbols, packet.noise_var, packet.header.seed)
    assert np.mean(np.abs(symbols - latent()) ** 2) < 10 ** (-3.4)


@pytest.mark.parametrize("kind", KINDS)
def test_todays_transmitter_makes_the_recorded_packet(kind):
    np.testing.assert_allclose(samples(kind) * SCALE, recorded(kind), atol=0.75)


if __name__ == "__main__":
    interleaved = (samples(sys.argv[1]) * SCALE).view(np.float32)
    path = Path(__file__).with_name(RECORDINGS[sys.argv[1]])
    interleaved.round().astype(np.int8).tofile(path)
