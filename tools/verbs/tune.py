# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast tune`: change frequency or gain of a running `percast tx` or `percast rx`, or ask it how
it does."""

import argparse
import json

import zmq

from percast.errors import DeviceError, UsageError
from percast.flowgraphs.radios.config import parse_gain
from percast.quantity import quantity
from percast.tools import report
from percast.tools.control import check_local

_TIMEOUT_MS = 5000


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--control", metavar="ADDRESS", required=True, help="as `tx` or `rx` has it"
    )
    parser.add_argument("--freq", type=quantity, metavar="HZ")
    parser.add_argument("--gain", type=parse_gain, metavar="DB", help="in all, or stages by name")
    parser.add_argument(
        "--status", action="store_true", help="print how it does, as JSON: the tree of figures"
    )
    parser.add_argument("--json", action="store_true", help="print the answer as it came")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    request = {k: v for k in ("freq", "gain") if (v := getattr(args, k)) is not None}
    if args.status and request:
        raise UsageError("--status goes without --freq and --gain: it changes nothing")
    if args.status:
        request = {"status": True}
    if not request:
        raise UsageError("give --freq, --gain or both, or --status")
    check_local(args.control)
    answer = ask(args.control, request)
    if args.json:
        report.print_json(answer)
    elif answer.get("ok") and args.status:
        report.print_json(answer.get("status"))
    elif answer.get("ok"):
        for name, value in answer.get("took", {}).items():
            print(f"{name:<8} {value}")
    if not answer.get("ok"):
        raise DeviceError(str(answer.get("error", "the answer makes no sense"))[:200])
    return 0


def ask(address: str, request: dict) -> dict:
    """Send a request, give the answer.

    Raises:
        DeviceError: nobody answers.
    """
    with zmq.Context.instance().socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        try:
            socket.connect(address)
            socket.send_string(json.dumps(request))
            if not socket.poll(_TIMEOUT_MS):
                raise DeviceError(
                    f"--control {address}: nobody answers; was tx or rx started with --control?"
                )
            answer = json.loads(socket.recv())
        except (zmq.ZMQError, ValueError) as error:
            raise DeviceError(f"--control {address}: {error}") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("took", {}), dict):
        raise DeviceError(f"--control {address}: the answer makes no sense")
    return answer
