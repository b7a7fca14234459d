# SPDX-License-Identifier: GPL-3.0-or-later
"""The training channel's law in numpy: what the waveform delivers, symbol by symbol.

As in `percast.engines.training.channel`, for symbol k of unit mean power

    received_k = sent_k + sqrt(1 / (g_k snr) + 1 / clipping) n_k,    g_k = |H_k|^2, E g = 1,

with n_k circular Gaussian of unit power; g_k = 1 in AWGN, exponential (Rayleigh) where every
symbol fades by itself, and 0 where it is erased. The receiver states the noise variance
(1 / snr + 1 / clipping) / g_k.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from percast.engines.codecs.contract import NoiseVariance, Symbols
from percast.settings import Settings, setting

FADING = ("awgn", "rayleigh")


class Air(NamedTuple):
    """What becomes of n symbols.

    gain float32 [n], |H|^2, 0 where nothing arrives; noise complex64 [n], of unit power.
    """

    gain: npt.NDArray[np.float32]
    noise: Symbols


@dataclass(frozen=True)
class SymbolChannel(Settings):
    """The law with its parameters.

    Args:
        fading: one of `FADING`.
        erased: share of symbols that never arrive, 0 to 1.
        clipping_db: signal to the transmitter's clipping noise, dB; 0 = no clipping.
        seed: of everything random here.
    """

    group = "channel (symbols)"

    fading: str = setting(
        "awgn", "--channel", f"{' or '.join(FADING)} (default %(default)s)",
        metavar="NAME", parse=str.lower, choices=FADING,
    )  # fmt: skip
    erased: float = setting(
        0.0, "--erased", "share of symbols that never arrive", metavar="0..1", least=0, most=1
    )
    clipping_db: float = setting(
        0.0, "--clipping", "signal to the transmitter's clipping noise, 0 = no clipping",
        metavar="DB", least=0, most=100, unit="dB",
    )  # fmt: skip
    seed: int = setting(
        0, "--seed", "of the channel (default %(default)s)",
        metavar="N", parse=int, least=0, most=2**53, whole=True,
    )  # fmt: skip

    def air(self, count: int, picture: int) -> Air:
        """Fading, erasures and noise of so many symbols of a picture, which is known by number.

        The same whatever the SNR, so that SNRs can be compared; and a stream of numbers for each
        effect, so that one changes no other.
        """
        streams = np.random.SeedSequence((self.seed, picture)).spawn(3)
        fades, erasures, noise = map(np.random.default_rng, streams)
        gain = np.ones(count, np.float32)
        if self.fading == "rayleigh":
            gain = fades.standard_exponential(count, np.float32)
        gain *= erasures.random(count, np.float32) >= self.erased
        drawn = noise.standard_normal(2 * count, np.float32) * np.float32(0.5**0.5)
        return Air(gain, drawn.view(np.complex64))

    def propagate(self, sent: Symbols, snr_db: float, air: Air) -> tuple[Symbols, NoiseVariance]:
        """What the waveform's receiver gives out.

        Args:
            sent: complex64 [n], unit mean power.
            snr_db: mean Es/N0.
            air: of `air`.

        Returns:
            Equalised symbols complex64 [n], 0 where none arrived; and the noise variance that
            the receiver states for each, float32 [n], infinite there.
        """
        thermal = 10 ** (-snr_db / 10)
        clipping = 10 ** (-self.clipping_db / 10) if self.clipping_db else 0.0
        arrived = air.gain > 0
        gain = np.where(arrived, air.gain, np.float32(1))
        deviation = np.sqrt(np.float32(thermal) / gain + np.float32(clipping))
        symbols = np.where(arrived, sent + deviation * air.noise, np.complex64(0))
        stated = np.float32(thermal + clipping) / gain
        return symbols, np.where(arrived, stated, np.float32(np.inf))
