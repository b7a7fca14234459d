# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast campaign resume [STORE]`."""

import argparse
from pathlib import Path

from percast.tools.campaign.places import newest_store
from percast.tools.options import add_output_options
from percast.tools.verbs.campaign import run
from percast.tools.verbs.campaign.config import WorkersConfig


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "store", nargs="?", type=Path, metavar="STORE", help="default: the newest here"
    )
    WorkersConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    workers = WorkersConfig.from_args(args)
    return run.work(args.store or newest_store(), workers, args.json)
