# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast campaign VERB`: each verb is a module here, with `add_options`."""

import argparse
import importlib

VERBS = {
    "run": "measure what a plan says, into a new store",
    "resume": "go on with a campaign that was cut off",
    "status": "how far a campaign is",
    "report": "a page of what was measured",
    "export": "the results as CSV or Parquet",
    "remetric": "decode again what was received, without new air time",
    "end": "one end of a link on the air, for a campaign on another machine",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb, text in VERBS.items():
        about = f"{text[0].upper()}{text[1:]}."
        sub = verbs.add_parser(verb, help=text, description=about, allow_abbrev=False)
        importlib.import_module(f"percast.tools.verbs.campaign.{verb}").add_options(sub)
