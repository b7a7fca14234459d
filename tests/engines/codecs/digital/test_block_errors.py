# SPDX-License-Identifier: GPL-3.0-or-later
"""Block error rates in AWGN beside Sionna's, as `sionna_bler.py` measured them."""

import csv
from math import log10
from pathlib import Path

import numpy as np
import pytest

from percast.engines.codecs.digital.measure import lost
from percast.engines.codecs.digital.schemes import SCHEMES, THRESHOLD_SYMBOLS, thresholds
from percast.engines.codecs.digital.transport import Transport

SIONNA = Path(__file__).with_name("sionna_bler.csv")
LOST = 0.1


def sionna() -> dict[tuple[int, int], float]:
    """SNR in dB at which it loses a block in ten, by scheme and number of symbols."""
    lines = [line for line in SIONNA.read_text().splitlines() if not line.startswith("#")]
    curves: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for row in csv.DictReader(lines):
        point = float(row["snr_db"]), log10(max(int(row["lost"]), 0.5) / int(row["sent"]))
        curves.setdefault((int(row["mcs"]), int(row["symbols"])), []).append(point)
    found = {}
    for key, curve in curves.items():
        snrs, shares = np.transpose(curve)
        assert shares[0] > log10(LOST) > shares[-1]
        found[key] = float(np.interp(-log10(LOST), -shares, snrs))
    return found


@pytest.mark.parametrize(("mcs", "symbols"), sionna())
def test_a_block_in_ten_is_lost_within_two_tenths_of_a_decibel_of_sionna(mcs, symbols):
    snr_db = sionna()[mcs, symbols]
    transport = Transport(symbols, SCHEMES[mcs])
    assert transport.blocks == 1
    assert lost(transport, snr_db + 0.2, 150, 20) < LOST
    assert lost(transport, snr_db - 0.2, 150, 30) > LOST


@pytest.mark.parametrize(
    ("mcs", "channel"), [(2, "awgn"), (11, "awgn"), (23, "awgn"), (2, "rayleigh"), (11, "rayleigh")]
)
def test_thresholds_are_where_they_are_said_to_be(mcs, channel):
    """A block in a hundred: next to none of 40 a fifth of a decibel above, many as much below."""
    transport = Transport(THRESHOLD_SYMBOLS, SCHEMES[mcs])
    needs = thresholds(channel)[mcs]
    assert lost(transport, needs + 0.2, 40, channel=channel) <= 1 / 40
    assert lost(transport, needs - 0.2, 40, 5, channel) > 0.05
