# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of packet that are on the air, and how a receiver tells them apart.

A header is made as strong as its link needs, and each kind has training symbols of its own: which
of them the receiver finds tells what follows, before a bit of it is decoded.
"""

from dataclasses import dataclass

AUTO = "auto"
SHORT_FROM_DB = 10.0
"""Least design SNR at which `auto` sends short headers. They are read down to -1 dB in noise; of
links that fade about a mean of 10 dB (TDL-C) they lose two pictures in a thousand, and one in a
hundred at 8 dB, as long ones do at 5 dB."""


@dataclass(frozen=True)
class Kind:
    """What sets one kind of packet apart.

    Args:
        name: what `--header` calls it.
        version: of the header's byte table (`formats.table`).
        root: of the training symbols; value k of n is exp(j pi root k^2 / n).
        short_repeats: periods of the short part.
        guard_prefixes: cyclic prefixes in the guard before the training symbols.
        training_symbols: one or two.
        header_symbols: OFDM symbols of the header.
        bits_per_symbol: 1 for BPSK, 2 for QPSK.
        payload_symbols: OFDM symbols of payload in a packet of a small picture; a larger picture
            has more packets.
        long_packets: a picture of several packets has longer ones, up to the profile's
            `longest_payload`, with a reference symbol in each.
        window: samples in which an OFDM symbol rises and falls; fewer in a short prefix.
        boost_db: by how much all that comes before the payload is sent above it, dB. The preamble
            of 802.11ax's extended-range PPDU is, by 3 (IEEE 802.11ax-2021, 27.3.11).
        header_limit_db: above its own mean power, to which a header is clipped whatever the sender
            does with the payload; None for as the payload. A boosted one is clipped so deep that
            the receiver has to know of it.
        header_rounds: of clipping and filtering the header. Clipped deeper, peaks grow again more:
            one round more, and they are no higher than the payload's.
    """

    name: str
    version: int
    root: int
    short_repeats: int
    guard_prefixes: int
    training_symbols: int
    header_symbols: int
    bits_per_symbol: int
    payload_symbols: int = 64
    long_packets: bool = False
    window: int = 10
    boost_db: float = 0.0
    header_limit_db: float | None = None
    header_rounds: int = 2


VERSION_1 = Kind("version-1", 1, 1, 80, 2, 2, 12, 1, window=0)
LONG = Kind("long", 2, 3, 80, 2, 2, 12, 1)
UNBOOSTED = Kind("short-unboosted", 2, -1, 36, 1, 1, 3, 2, long_packets=True)
SHORT = Kind(
    "short", 2, -2, 36, 1, 1, 3, 2, long_packets=True,
    boost_db=3.0, header_limit_db=4.75, header_rounds=3,
)  # fmt: skip
KINDS = {kind.name: kind for kind in (LONG, SHORT, VERSION_1, UNBOOSTED)}
"""All that a receiver knows, the likelier first; version 1 and unboosted short ones are sent no
more."""

SENT = (AUTO, SHORT.name, LONG.name)
"""What `--header` may say."""


def kind_for(design_snr_db: float) -> str:
    """The kind that `auto` sends to a link of that SNR."""
    return SHORT.name if design_snr_db >= SHORT_FROM_DB else LONG.name
