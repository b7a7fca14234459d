# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several verbs share."""

import argparse


def add_output_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print one JSON object at the end")
    group.add_argument("-v", "--verbose", action="store_true")
