# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast campaign run PLAN`."""

import argparse
import shutil
from dataclasses import asdict
from pathlib import Path

from percast.errors import INTERRUPTED, FileError, PercastError
from percast.tools import report, terminal
from percast.tools.campaign.checking import load_plan
from percast.tools.campaign.layout import Outlook, outlook
from percast.tools.campaign.places import find_plan, new_store, shipped_plans
from percast.tools.campaign.running import begin, go_on, plan_of
from percast.tools.campaign.store import Store
from percast.tools.options import add_output_options
from percast.tools.verbs.campaign.config import WorkersConfig

_MARGIN = 1.1  # of the disk


def add_options(parser: argparse.ArgumentParser) -> None:
    plans = ", ".join(shipped_plans())
    parser.add_argument("plan", metavar="PLAN", help=f"a file PLAN.toml, or one of {plans}")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="store (default: PLAN-TIME.sqlite here)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="TABLE.KEY=VALUE",
        help="change the plan: conditions.snr=10, codec.2.engine=openvino",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true", help="check the plan and tell what it takes; do nothing"
    )
    WorkersConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    workers = WorkersConfig.from_args(args)
    checked = load_plan(find_plan(args.plan), args.set)
    path = args.out or new_store(checked.plan.name)
    expected = outlook(checked)
    free = _free(path)
    if args.dry_run:
        _tell(expected, free, args.json)
        return 0
    if _MARGIN * expected.bytes > free:
        raise FileError(
            f"{path}: needs some {expected.bytes / 1e6:,.0f} MB, there are {free / 1e6:,.0f}: "
            "free the disk, or set campaign.keep_symbols=false or campaign.keep_pictures=false"
        )
    begin(path, checked)
    return work(path, workers, args.json)


def work(path: Path, workers: WorkersConfig, as_json: bool) -> int:
    """Do what a store lacks, and tell; gives the exit code."""
    interrupted = False
    with Store.open(path, write=True) as store:
        plan = plan_of(store)
        total = store.counts()["cells"]
        report.say(f"percast: {total} cells into {path}")
        try:
            with terminal.progress_bar("cells", total) as on_progress:
                go_on(store, plan, workers.scheduler, workers.count, on_progress)
        except KeyboardInterrupt:
            interrupted = True
        except PercastError:
            report.say(f"percast: what was done is kept; `percast campaign resume {path}` goes on")
            raise
        counts = store.counts()
    told = {"store": str(path), **counts, "interrupted": interrupted}
    if as_json:
        report.print_json(told)
    else:
        print(in_words(path, counts))
    if interrupted or counts["shots_given_up"]:
        report.say(f"percast: `percast campaign resume {path}` goes on")
    if interrupted:
        return INTERRUPTED
    return 0


def in_words(path: Path, counts: dict[str, int]) -> str:
    """How far a campaign is."""
    line = f"{path}: {counts['cells_done']} of {counts['cells']} cells"
    if counts["shots_lost"]:
        line += f", {counts['shots_lost']} pictures lost"
    if counts["shots_failed"]:
        line += f", {counts['shots_failed']} could not be sent"
    if counts["shots_given_up"]:
        line += f", {counts['shots_given_up']} missing, for their workers died"
    return line


def _free(path: Path) -> int:
    try:
        return shutil.disk_usage(path.absolute().parent).free
    except OSError as error:
        raise FileError(f"cannot write to {path.parent}: {error.strerror}") from error


def _tell(expected: Outlook, free: int, as_json: bool) -> None:
    if as_json:
        report.print_json(asdict(expected) | {"bytes_free": free})
        return
    disk = f"{expected.bytes / 1e6:,.0f} MB of {free / 1e6:,.0f} MB that are free"
    if expected.cells is None:
        print(f"cells      as many as the recording holds of {expected.pictures} pictures")
        print(f"disk       what it holds, and about {disk}")
        return
    print(
        f"cells      {expected.cells}: {expected.pictures} pictures, {expected.conditions} "
        f"conditions, {expected.shots} transmissions"
    )
    print(f"air        {_air(expected.air_seconds)}")
    print(f"disk       about {disk}")


def _air(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.2g} seconds of signal"
    return f"{seconds / 60:.1f} minutes of signal"
