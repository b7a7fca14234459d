# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several verbs share."""

import argparse
import os

from percast.quantity import quantity

# Encoder and generator each get all cores up to four: their turns fill each other's gaps, and a
# picture is through sooner than with half the cores each.
DEFAULT_THREADS = min(4, len(os.sched_getaffinity(0)))


def add_code_options(parser: argparse.ArgumentParser, encoder: bool = True) -> None:
    group = parser.add_argument_group("code")
    group.add_argument("--model", default="base", metavar="NAME", help="shipped model or a folder")
    group.add_argument("--codec", default="learned", choices=["learned"])
    if encoder:
        group.add_argument(
            "--cbr",
            default="1/48",
            metavar="R",
            help="channel bandwidth ratio: all complex symbols over all source samples, 3 per pixel "
            "(default 1/48)",
        )
        group.add_argument(
            "--design-snr",
            type=quantity,
            default=10.0,
            metavar="DB",
            help="SNR to encode for (default 10)",
        )
    group.add_argument(
        "--realism", type=quantity, metavar="0..1", help="0: faithful, 1: lifelike (default 1)"
    )
    group.add_argument(
        "--engine",
        default="auto",
        metavar="NAME",
        help="tensorrt, openvino, onnxruntime or torch (default auto)",
    )
    group.add_argument(
        "--precision",
        default="auto",
        metavar="NAME",
        help="fp32, bf16, fp16 or int8 (default auto)",
    )
    group.add_argument(
        "--threads",
        type=int,
        default=DEFAULT_THREADS,
        metavar="N",
        help=f"threads per engine (default here {DEFAULT_THREADS})",
    )


def add_output_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print one JSON object at the end")
    group.add_argument("-v", "--verbose", action="store_true")
