# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast campaign report`: a store becomes a page."""

import argparse
import contextlib
from pathlib import Path

from percast.engines.pictures import BadPicture
from percast.errors import FileError, UsageError
from percast.tools import report
from percast.tools.campaign.places import newest_store
from percast.tools.campaign.store import Store
from percast.tools.campaign_report.config import ReportConfig
from percast.tools.destination import ready_file
from percast.tools.options import add_output_options


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "store", nargs="?", type=Path, metavar="STORE.sqlite",
        help="the campaign (default: the newest *.sqlite here)",
    )  # fmt: skip
    ReportConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=make_report)


def make_report(args: argparse.Namespace) -> int:
    """Writes the page, and tells the main numbers, or all of them as JSON."""
    config = ReportConfig.from_args(args)
    path = args.store or newest_store()
    out = config.page_beside(path)
    if any(
        out.exists() and each and each.exists() and out.samefile(each)
        for each in (path, config.against)
    ):
        raise UsageError(f"--out {out} is the campaign itself: give the page another name")
    ready_file(out)
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(Store.open(path))
        other = config.against and stack.enter_context(Store.open(config.against))
        # Loaded late: --help and mistakes need neither scipy nor networks.
        from percast.tools.campaign_report.analysis.whole import analyse
        from percast.tools.campaign_report.page import page_of
        from percast.tools.campaign_report.terminal import print_numbers
        from percast.tools.pages import write_page

        try:
            analysis = analyse(store, config, other)
            page = page_of(analysis, store, config.most_megabytes)
        except BadPicture as error:
            raise FileError(f"{path}: a picture in it is damaged: {error}") from error
        write_page(out, page)
    if args.json:
        report.print_json(analysis.json() | {"page": str(out)})
    else:
        print_numbers(analysis)
        print(f"report     {out}")
    return 0
