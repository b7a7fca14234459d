# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast campaign end`: waits for a coordinator, which says what radio to open."""

import argparse
import contextlib
import sys
import threading

from percast.tools import process, report
from percast.tools.campaign.air.wire import Server
from percast.tools.options import add_output_options
from percast.tools.settings import gnu_radio


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--control", required=True, metavar="ADDRESS", help="to listen on, such as tcp://*:5560"
    )
    parser.add_argument(
        "--zmq-keys", metavar="DIR", help="only coordinators with keys may connect (`percast keys`)"
    )
    parser.add_argument("--until-eof", action="store_true", help="end when stdin ends")
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    with process.signals_held(), gnu_radio():
        from percast.tools.campaign.air.radio_end import RadioEnd
    ended = threading.Event()
    if args.until_eof:
        threading.Thread(target=_wait_for_eof, args=(ended,), daemon=True).start()
    with contextlib.closing(Server(args.control, args.zmq_keys)) as server:
        report.say(f"percast: waiting for a coordinator on {server.address}")
        with contextlib.closing(RadioEnd()) as end:
            server.serve(end.answer, ended.is_set)
    return 0


def _wait_for_eof(ended: threading.Event) -> None:
    sys.stdin.buffer.read()
    ended.set()
