# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast keys DIR NAME...`: keys for zmq ports that other machines may reach."""

import argparse

from percast.blocks.images.zmq_keys import create_keys


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="where the keys are kept, for --zmq-keys")
    parser.add_argument("clients", metavar="NAME", nargs="+", help="programs that may connect")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    for path in create_keys(args.folder, args.clients):
        print(path)
    return 0
