# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture as it arrived, for stores and wires: its header, its symbols, figures of the link."""

import json
import zlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from percast.engines.codecs.contract import CodedImage
from percast.engines.evaluation.measure import Arrival


def coded_to_json(coded: CodedImage) -> dict[str, Any]:
    """What a header says, for JSON."""
    return vars(coded) | {"cbr": str(coded.cbr), "model_id": coded.model_id.hex()}


def coded_from_json(told: Mapping[str, Any]) -> CodedImage:
    """Inverse of `coded_to_json`."""
    cbr, model_id = Fraction(told["cbr"]), bytes.fromhex(told["model_id"])
    return CodedImage(**dict(told) | {"cbr": cbr, "model_id": model_id})


def pack(arrival: Arrival, link: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Columns of `equalised`; `link` is kept with them where no row of `arrivals` holds it yet."""
    coded = coded_to_json(arrival.coded) | ({"link": dict(link)} if link else {})
    return {
        "coded": json.dumps(coded),
        "symbols": zlib.compress(arrival.symbols.astype("<c8").tobytes(), 1),
        "noise_var": zlib.compress(arrival.noise_var.astype("<f4").tobytes(), 1),
    }


def unpack(columns: Mapping[str, Any]) -> Arrival:
    """What `pack` packed, with its link."""
    coded = json.loads(columns["coded"])
    link = coded.pop("link", {})
    return Arrival(
        coded_from_json(coded),
        np.frombuffer(zlib.decompress(columns["symbols"]), "<c8"),
        np.frombuffer(zlib.decompress(columns["noise_var"]), "<f4"),
        link,
    )


def link_columns(
    snr_db: float | None,
    evm_db: float | None,
    freq_offset_hz: float | None,
    clock_ppm: float | None,
) -> dict[str, Any]:
    """Columns of `arrivals`: what a receiver measured. None is unknown."""
    return {
        "snr_db_measured": snr_db,
        "evm_db": evm_db,
        "freq_offset_hz": freq_offset_hz,
        "clock_ppm": clock_ppm,
    }
