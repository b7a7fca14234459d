# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast study serve`: the page for observers."""

import argparse
from pathlib import Path

from percast.tools import report
from percast.tools.options import add_output_options
from percast.tools.study.answers import Answers
from percast.tools.study.config import ServeConfig
from percast.tools.study.plan import Folder
from percast.tools.study.server import serving

HELP = "show a study to its observers until Ctrl-C; every answer is stored at once"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help="its folder")
    ServeConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    config = ServeConfig.from_args(args)
    folder = Folder.open(args.study)
    folder.check_pictures()
    with Answers.open(folder, create=True) as answers:
        try:
            with serving(folder, answers, config) as served:
                for link in served.personal:
                    print(link, flush=True)
                report.say(f"study: {served.invitation or 'by personal links only'}")
                served.wait()
        finally:
            if args.json:
                rows = answers.rows()
                about = {"observers": len({row.slot for row in rows}), "answers": len(rows)}
                report.print_json({"study": str(folder.path), **about})
    return 0
