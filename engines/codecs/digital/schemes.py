# SPDX-License-Identifier: GPL-3.0-or-later
"""Modulation and coding schemes of 3GPP TS 38.214, table 5.1.3.1-2 (up to 256-QAM)."""

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from percast.errors import UsageError

_TABLE = (
    (2, 120), (2, 193), (2, 308), (2, 449), (2, 602),
    (4, 378), (4, 434), (4, 490), (4, 553), (4, 616), (4, 658),
    (6, 466), (6, 517), (6, 567), (6, 616), (6, 666), (6, 719), (6, 772), (6, 822), (6, 873),
    (8, 682.5), (8, 711), (8, 754), (8, 797), (8, 841), (8, 885), (8, 916.5), (8, 948),
)  # fmt: skip


@dataclass(frozen=True)
class Scheme:
    """A modulation and a code rate.

    Attributes:
        index: in the table, `--mcs`.
        bits_per_symbol: 2 (QPSK), 4, 6 or 8 (256-QAM).
        rate: of the code.
    """

    index: int
    bits_per_symbol: int
    rate: float

    @property
    def information(self) -> float:
        """Bits of information in a symbol."""
        return self.bits_per_symbol * self.rate


SCHEMES = tuple(Scheme(i, bits, rate / 1024) for i, (bits, rate) in enumerate(_TABLE))
THRESHOLD_SYMBOLS = 4096
"""Of the transport blocks that `thresholds` speaks of."""

MARGIN_DB = 0.2
"""Between a threshold and the SNR that it is chosen for: the waveform's own estimate of the channel
costs 0.14 dB in AWGN."""


CHANNELS = {"auto": "awgn", "rayleigh": "rayleigh"}
"""That `--mcs` chooses schemes for, by the word for it. Over "rayleigh" each symbol fades by
itself, with a mean power of 1."""


@lru_cache
def thresholds(channel: str = "awgn") -> dict[int, float]:
    """SNR in dB at which one transport block of `THRESHOLD_SYMBOLS` in a hundred is lost, by the
    index of the scheme; measured by `percast.engines.codecs.digital.measure`."""
    table = files("percast.engines.codecs.digital").joinpath("tables/thresholds.csv")
    lines = (line for line in table.read_text("utf-8").splitlines() if not line.startswith("#"))
    return {int(row["mcs"]): float(row[f"{channel}_db"]) for row in csv.DictReader(lines)}


def scheme_for(snr_db: float, channel: str = "awgn") -> Scheme:
    """The fastest scheme that gets through a channel of this SNR, with `MARGIN_DB` to spare.

    Raises:
        UsageError: none does.
    """
    needs = thresholds(channel)
    through = [SCHEMES[i] for i, least in needs.items() if least + MARGIN_DB <= snr_db]
    if not through:
        raise UsageError(
            f"no modulation and coding scheme gets through {snr_db:g} dB: "
            f"give --design-snr {min(needs.values()) + MARGIN_DB:.1f} or more, or --mcs N"
        )
    return max(through, key=lambda scheme: scheme.information)


def choose_scheme(mcs: str, snr_db: float) -> Scheme:
    """The scheme that `--mcs` means for a design SNR: by its index, or one of `CHANNELS`.

    Raises:
        UsageError: there is no such scheme, or none that gets through.
    """
    check_mcs(mcs)
    return scheme_for(snr_db, CHANNELS[mcs]) if mcs in CHANNELS else SCHEMES[int(mcs)]


def check_mcs(mcs: str) -> None:
    """Raises UsageError where `--mcs` means no scheme."""
    if not (mcs in CHANNELS or (mcs.isdecimal() and int(mcs) < len(SCHEMES))):
        raise UsageError(
            f"there is no scheme '{mcs}': give {', '.join(CHANNELS)}, or 0 to {len(SCHEMES) - 1}"
        )
