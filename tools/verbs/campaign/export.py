# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast campaign export [STORE] --out FILE.csv`."""

import argparse
from pathlib import Path

from percast.errors import UsageError
from percast.tools import report
from percast.tools.campaign.exporting import WRITERS, write, write_pictures
from percast.tools.campaign.places import newest_store
from percast.tools.campaign.store import Store
from percast.tools.options import add_output_options


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "store", nargs="?", type=Path, metavar="STORE", help="default: the newest here"
    )
    parser.add_argument(
        "--out", type=Path, action="append", metavar="FILE",
        help=f"{' or '.join(WRITERS)}, may be given twice (default: STORE.csv)",
    )  # fmt: skip
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="received pictures and originals, as PNG"
    )
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    path = args.store or newest_store()
    files = args.out or [path.with_suffix(".csv")]
    for file in files:
        if file.suffix.lower() not in WRITERS:
            raise UsageError(f"--out {file}: give a name that ends in {' or '.join(WRITERS)}")
    with Store.open(path) as store:
        rows = store.rows()
        for file in files:
            write(file, store, rows)
        pictures = write_pictures(args.pictures, store, rows) if args.pictures else 0
    if args.json:
        told = {"store": str(path), "files": [str(file) for file in files], "rows": len(rows)}
        report.print_json(told | {"pictures": pictures})
    else:
        report.say(f"percast: {len(rows)} rows into {', '.join(map(str, files))}")
    return 0
