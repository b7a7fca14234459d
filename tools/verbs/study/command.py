# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast study`: people compare pictures; each of its verbs is a module here."""

import argparse

from percast.tools.verbs.study import analyse, make, serve, simulate

_VERBS = {"make": make, "serve": serve, "analyse": analyse, "simulate": simulate}


def add_options(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for name, module in _VERBS.items():
        sub = verbs.add_parser(name, help=module.HELP, description=module.HELP, allow_abbrev=False)
        module.add_options(sub)
