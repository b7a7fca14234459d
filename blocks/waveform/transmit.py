# SPDX-License-Identifier: GPL-3.0-or-later
"""Latent symbols of one picture to the samples of its packets."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

import numpy as np

from percast.blocks.waveform.coding import header_code
from percast.blocks.waveform.coding.hashing import signs
from percast.blocks.waveform.coding.interleaver import interleave
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.ofdm import to_samples
from percast.blocks.waveform.papr import clip_and_filter
from percast.blocks.waveform.preamble import pilot_values, preamble
from percast.blocks.waveform.profile import Profile

DEFAULT_PAPR_DB = 8.5
DEFAULT_TX_LEVEL = -12.0  # dB relative to full scale, mean power of a burst
_FILLER = 0x66696C6C


def packets_needed(profile: Profile, symbols: int) -> int:
    """Packets that a picture of so many latent symbols takes."""
    return ceil(symbols / (profile.data_carriers * profile.max_payload_symbols))


def packet_span(profile: Profile, symbols: int, packets: int, packet: int) -> tuple[int, int]:
    """First and one past the last of the picture's interleaved symbols in one packet.

    The packets of a picture are equally long, in whole OFDM symbols, but for the last.
    """
    each = ceil(symbols / (packets * profile.data_carriers)) * profile.data_carriers
    return min(packet * each, symbols), min((packet + 1) * each, symbols)


def payload_symbols(profile: Profile, symbols: int) -> int:
    """OFDM symbols that hold so many latent symbols."""
    return ceil(symbols / profile.data_carriers)


def header_carriers(profile: Profile, header: Header) -> np.ndarray:
    """The coded header on the data carriers, +-1, float32 [header_symbols, data_carriers]."""
    bits = np.unpackbits(np.frombuffer(header.pack(), np.uint8))
    coded = header_code.encode(bits, profile.header_symbols * profile.data_carriers)
    return coded.reshape(profile.header_symbols, profile.data_carriers)


def packet_carriers(profile: Profile, header: Header, payload: np.ndarray) -> np.ndarray:
    """Header and payload symbols of one packet with pilots.

    Args:
        payload: complex64 [n], interleaved, mean power about 1.

    Returns:
        complex64 [header_symbols + payload_symbols, n_occupied].
    """
    rows = payload_symbols(profile, len(payload))
    filler = signs(_FILLER, rows * profile.data_carriers - len(payload))
    data = np.concatenate([header_carriers(profile, header).ravel(), payload, filler])
    data = data.reshape(-1, profile.data_carriers)
    pilots = pilot_values(profile)[: len(data)]
    return np.hstack([data, pilots]).take(profile.carrier_order, axis=1)


def modulate(
    profile: Profile,
    header: Header,
    symbols: np.ndarray,
    papr_db: float | None = DEFAULT_PAPR_DB,
) -> Iterator[np.ndarray]:
    """The packets of one picture as samples.

    Args:
        header: of the picture; packet, packets and symbols are filled in here.
        symbols: complex64 [n] in latent order, mean power 1.
        papr_db: envelope limit for clip-and-filter, None for none. On Gaussian latents the
            clipping noise lies 26 dB below the signal at 7 dB, 36 dB at 8.5 dB (tests hold
            these figures).

    Yields:
        complex64 [packet_len], mean power 1.
    """
    count = packets_needed(profile, len(symbols))
    on_air = interleave(symbols, header.seed)
    for index in range(count):
        lo, hi = packet_span(profile, len(symbols), count, index)
        this = replace(header, packet=index, packets=count, symbols=len(symbols))
        carriers = packet_carriers(profile, this, on_air[lo:hi])
        if papr_db is not None:
            carriers = clip_and_filter(profile, carriers, papr_db)
        body = to_samples(profile, carriers, profile.cp_len)
        yield np.concatenate([preamble(profile), body.ravel()])
