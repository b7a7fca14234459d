# SPDX-License-Identifier: GPL-3.0-or-later
"""Reference curves to draw beside those of a model."""

import csv
from fractions import Fraction
from importlib.resources import files
from typing import NamedTuple

HEVC_LDPC = "HEVC intra + 5G LDPC + QAM"
HEVC_LDPC_PICTURES = "12 Kodak pictures"


class BaselinePoint(NamedTuple):
    """Means over `HEVC_LDPC_PICTURES`; LPIPS v0.1 on AlexNet."""

    cbr: Fraction
    snr_db: float
    lpips: float
    psnr_db: float


def hevc_ldpc() -> list[BaselinePoint]:
    """HEVC intra (x265) behind 5G LDPC and QAM, in AWGN.

    The file says where its figures come from.
    """
    text = files("percast.engines").joinpath("data", "hevc_ldpc_kodak.csv").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return [
        BaselinePoint(
            Fraction(row["cbr"]), float(row["snr_db"]), float(row["lpips"]), float(row["psnr_db"])
        )
        for row in csv.DictReader(lines)
    ]
