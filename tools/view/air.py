# SPDX-License-Identifier: GPL-3.0-or-later
"""The air as a receiver's demodulator sees it: held by reference while somebody looks, and made
into messages for the page."""

import numpy as np

from percast.blocks.ofdm_demodulator import OfdmDemodulator
from percast.blocks.waveform.demodulate import Packet
from percast.blocks.waveform.profile import Profile
from percast.tools.view import messages
from percast.tools.view.hooks import hook, unhook

SAMPLES = 8192  # of a spectrum
BINS = 256  # of it
_POINTS = 400  # of the constellation


class AirTap:
    """The newest packet, and some samples. The demodulator's thread only puts them here.

    Args:
        demodulator: to look into.

    Attributes:
        packet: the last one; None while nobody looks.
        samples: some that came since this was set to None, complex64 [n]; None while nobody looks.
    """

    def __init__(self, demodulator: OfdmDemodulator):
        self._demodulator, self._looking = demodulator, False
        self.packet: Packet | None = None
        self.samples: np.ndarray | None = None

    def look(self, somebody: bool) -> None:
        """Whether anybody wants them."""
        if somebody == self._looking:
            return
        self._looking = somebody
        change = hook if somebody else unhook
        change(self._demodulator, "on_packet", self._take_packet)
        change(self._demodulator, "on_samples", self._take_samples)
        if not somebody:
            self.packet = self.samples = None

    def take(self) -> tuple[Packet | None, np.ndarray | None]:
        """What came since the last time."""
        packet, self.packet = self.packet, None
        samples, self.samples = self.samples, None
        return packet, samples

    def _take_packet(self, packet: Packet) -> None:
        self.packet = packet

    def _take_samples(self, samples: np.ndarray) -> None:
        if self.samples is None:
            self.samples = samples[:SAMPLES].copy()


def told(
    packet: Packet | None, samples: np.ndarray | None, profile: Profile
) -> list[tuple[str, str]]:
    """Kind and text of the messages about what `AirTap.take` gave."""
    made = []
    if packet is not None:
        made.append(("air", of_packet(packet, profile)))
    if samples is not None and len(samples) >= BINS:
        made.append(("spectrum", spectrum(samples, profile.samp_rate)))
    return made


def over_carriers(packet: Packet) -> tuple[np.ndarray, np.ndarray]:
    """Channel's gain and SNR of each occupied subcarrier, dB."""
    gain = np.abs(packet.channel) ** 2
    with np.errstate(divide="ignore"):
        return 10 * np.log10(gain), 10 * np.log10(gain / packet.noise)


def of_packet(packet: Packet, profile: Profile) -> str:
    """How a packet came through the air: constellation, and channel over the subcarriers."""
    step = max(1, len(packet.symbols) // _POINTS)
    symbols, noise_var = packet.symbols[::step][:_POINTS], packet.noise_var
    known = noise_var[np.isfinite(noise_var)]
    channel_db, snr_db = over_carriers(packet)
    return messages.text(
        "air",
        points=np.round(np.stack([symbols.real, symbols.imag], 1), 3),
        noise_var=float(np.median(known)) if len(known) else None,
        carriers=profile.occupied,
        channel_db=np.round(channel_db, 2),
        snr_db=np.round(snr_db, 2),
    )


def spectrum(samples: np.ndarray, samp_rate: float) -> str:
    """Power over frequency of complex64 [n], n at least `BINS`: dB relative to full scale in each
    bin, from minus to plus half the sample rate; Hann windows, averaged (Welch)."""
    window = np.hanning(BINS + 1)[:-1].astype(np.float32)
    rows = np.lib.stride_tricks.sliding_window_view(np.nan_to_num(samples), BINS)[:: BINS // 2]
    power = np.abs(np.fft.fft(rows * window)) ** 2 / (window.sum() ** 2)
    with np.errstate(divide="ignore"):
        decibels = 10 * np.log10(np.fft.fftshift(power.mean(0)))
    return messages.text("spectrum", samp_rate=samp_rate, power_db=np.round(decibels, 1))
