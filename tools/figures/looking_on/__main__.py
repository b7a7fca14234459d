# SPDX-License-Identifier: GPL-3.0-or-later
"""The command; see the package."""

import argparse
import sys
import tempfile
from pathlib import Path

from percast.errors import PercastError
from percast.quantity import quantity
from percast.tools import report, terminal
from percast.tools.figures.looking_on.measure import Setup, cost, soak
from percast.tools.photographs import write_photographs


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m percast.tools.figures.looking_on",
        description="What looking on costs a live receiver, beside one at which nobody looks.",
    )
    parser.add_argument("what", choices=("cost", "soak"), help="CPU time; memory over time")
    parser.add_argument("--source", help="folder of pictures (default: those of the demo)")
    parser.add_argument("--look", choices=("page", "zmq"), default="page", help="how")
    parser.add_argument("--clients", type=int, default=20, help="most clients (cost)")
    parser.add_argument(
        "--seconds", type=float, default=15, help="of each phase, or of the soak (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of phases (%(default)s)")
    parser.add_argument("--fps", type=float, default=4, help="pictures/s (%(default)s)")
    parser.add_argument("--size", default="256x256")
    parser.add_argument("--profile", default="robust-2m")
    parser.add_argument("--samp-rate", type=quantity, metavar="HZ", help="(default: the profile's)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        setup = Setup(
            args.source or str(write_photographs(Path(scratch))),
            args.look,
            args.fps,
            args.size,
            args.profile,
            args.samp_rate,
        )
        try:
            if args.what == "cost":
                result = cost(setup, args.seconds, args.rounds, args.clients)
            else:
                result = soak(setup, args.seconds)
        except PercastError as error:
            print(f"percast: {error}", file=sys.stderr)
            return error.exit_code
    if args.json:
        report.print_json(result)
    else:
        _print(result)
    return 0


def _print(result: dict) -> None:
    rows = [[f"{x:.3g}" if isinstance(x, float) else str(x) for x in row.values()]
            for row in result["rows"]]  # fmt: skip
    terminal.print_table(result["title"], list(result["rows"][0]), rows)
    for name, value in result.items():
        if name not in ("title", "rows"):
            print(f"{name:<24} {value:.4g}" if isinstance(value, float) else f"{name:<24} {value}")


if __name__ == "__main__":
    sys.exit(main())
