# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast campaign status [STORE]`: it may be asked while the campaign runs."""

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from percast.tools import report
from percast.tools.campaign.places import newest_store
from percast.tools.campaign.store import Store
from percast.tools.options import add_output_options
from percast.tools.verbs.campaign.run import in_words

_RECENT = 50  # cells, for the speed
_EVENTS = 5


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "store", nargs="?", type=Path, metavar="STORE", help="default: the newest here"
    )
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    path = args.store or newest_store()
    with Store.open(path) as store:
        told = _status(store)
    if args.json:
        report.print_json(told)
        return 0
    print("\n".join(_lines(path, told)))
    return 0


def _lines(path: Path, told: dict[str, Any]) -> Iterator[str]:
    yield in_words(path, told)
    if told["cells_done"] < told["cells"]:
        left = told["seconds_left"]
        rest = "" if left is None else f", at this pace {left / 60:.0f} minutes are left"
        yield f"{'at work' if told['at_work'] else 'nobody is at work'}{rest}"
        if not told["at_work"]:
            yield f"`percast campaign resume {path}` goes on"
    for event in told["events"][-_EVENTS:]:
        yield f"{event['at']}  {event['text']}"


def _status(store: Store) -> dict[str, Any]:
    counts = store.counts()
    finished = store.finished(_RECENT)
    pace = None
    if len(finished) > 1 and finished[0] > finished[-1]:
        pace = (finished[0] - finished[-1]) / (len(finished) - 1)
    left = counts["shots"] - counts["shots_done"]
    return {
        "store": str(store.path),
        **counts,
        "at_work": store.at_work(),
        "seconds_a_shot": pace,
        "seconds_left": None if pace is None else pace * left,
        "seconds_since_last": time.time() - finished[0] if finished else None,
        "events": [{"at": _text(at), "text": text} for at, text in store.events()],
    }


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
