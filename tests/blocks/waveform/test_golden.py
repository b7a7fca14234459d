# SPDX-License-Identifier: GPL-3.0-or-later
"""A packet recorded when the format was fixed. If this fails, old recordings no longer decode:
raise `header.VERSION` and record again with `python -m tests.blocks.waveform.test_golden`."""

from pathlib import Path

import numpy as np

from percast.blocks.waveform.profile import open_profile
from percast.blocks.waveform.receive import Receiver
from percast.blocks.waveform.transmit import modulate
from tests.blocks.waveform.conftest import Link

RECORDING = Path(__file__).with_name("golden_packet.cs8")
SCALE = 32.0  # int8 full scale over mean amplitude


def latent() -> np.ndarray:
    """384 symbols on a spiral, mean power 1."""
    n = np.arange(384)
    spiral = np.sqrt((n + 0.5) / 192) * np.exp(0.7j * n)
    return spiral.astype(np.complex64)


def samples() -> np.ndarray:
    link = Link()
    header = link.header(image=42, symbols=384, callsign="GOLDEN")
    (packet,) = modulate(open_profile("standard-4m"), header, latent(), papr_db=8.5)
    return packet


def test_todays_receiver_reads_the_recorded_packet():
    recorded = np.fromfile(RECORDING, np.int8).astype(np.float32).view(np.complex64)
    receiver = Receiver(open_profile("standard-4m"))
    (packet,) = receiver.push(np.pad(recorded, (1000, 2000)))
    assert packet.header == Link().header(image=42, symbols=384, callsign="GOLDEN")
    from percast.blocks.waveform.coding.interleaver import deinterleave

    symbols, _ = deinterleave(packet.symbols, packet.noise_var, packet.header.seed)
    assert np.mean(np.abs(symbols - latent()) ** 2) < 10 ** (-3.6)


def test_todays_transmitter_makes_the_recorded_packet():
    recorded = np.fromfile(RECORDING, np.int8).astype(np.float32).view(np.complex64)
    np.testing.assert_allclose(samples() * SCALE, recorded, atol=0.75)


if __name__ == "__main__":
    interleaved = (samples() * SCALE).view(np.float32)
    interleaved.round().astype(np.int8).tofile(RECORDING)
